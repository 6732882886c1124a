// On paper, or as a PDF: the page as it is, in the light theme, with where and when it was.
import { useEffect, useState } from "react";
import { useLanguage, useWords } from "../i18n";
import { useSetting } from "../settings";
import { shown } from "../time";

/** Frames until charts are drawn in the light theme. */
const FRAMES = 3;

const frame = () => new Promise((done) => requestAnimationFrame(done));

export function PrintButton() {
  const words = useWords().files;
  const print = async () => {
    const { dataset } = document.documentElement;
    const theme = dataset["theme"];
    dataset["theme"] = "light";
    for (let n = 0; n < FRAMES; n++) await frame();
    window.print();
    if (theme) dataset["theme"] = theme;
  };
  return (
    <button type="button" onClick={() => void print()}>
      {words.print}
    </button>
  );
}

/** Seen on paper alone. */
export function Printed() {
  const words = useWords().files;
  const language = useLanguage();
  const [zone] = useSetting("zone");
  const [at, setAt] = useState({ time: new Date().toISOString(), place: location.href });
  useEffect(() => {
    const note = () => setAt({ time: new Date().toISOString(), place: location.href });
    addEventListener("beforeprint", note);
    return () => removeEventListener("beforeprint", note);
  }, []);
  return (
    <div className="printed" aria-hidden="true">
      Plimsoll · {at.place} · {words.printed(shown(at.time, zone, language, true))}
    </div>
  );
}
