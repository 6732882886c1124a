// The words of the console. German has exactly the members of English: the compiler checks it.
import { createContext, type ReactNode, useContext, useEffect } from "react";
import { useSetting } from "../settings";
import { de } from "./de";
import { en } from "./en";

export type Words = typeof en;
export type Language = "en" | "de";
const WORDS: Record<Language, Words> = { en, de };

const Context = createContext<{ words: Words; language: Language }>({ words: en, language: "en" });

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [chosen] = useSetting("language");
  const language: Language =
    chosen === "auto" ? (navigator.language.toLowerCase().startsWith("de") ? "de" : "en") : chosen;
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  return <Context.Provider value={{ words: WORDS[language], language }}>{children}</Context.Provider>;
}

export const useWords = (): Words => useContext(Context).words;
export const useLanguage = (): Language => useContext(Context).language;
