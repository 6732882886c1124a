// Signing in with a key, which goes to the server and is kept nowhere here.
import { type FormEvent, useState } from "react";
import { ProblemError } from "../api/client";
import { useSignIn } from "../api/queries";
import { useWords } from "../i18n";
import { Wrong } from "../ui/basics";

export function SignIn() {
  const words = useWords();
  const signIn = useSignIn();
  const [key, setKey] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate(key.trim(), { onSettled: () => setKey("") });
  };
  const isUnknown = signIn.error instanceof ProblemError && signIn.error.status === 401;
  return (
    <main className="signin">
      <section className="panel">
        <h1>{words.signIn.title}</h1>
        <div className="stack">
          <form onSubmit={submit}>
            <label>
              {words.signIn.key}
              <input type="password" name="key" value={key} required autoComplete="off" autoFocus onChange={(event) => setKey(event.target.value)} />
            </label>
            <span className="small soft">{words.signIn.hint}</span>
            {isUnknown && (
              <div className="note bad" role="alert">
                {words.signIn.wrong}
              </div>
            )}
            {signIn.error !== null && !isUnknown && <Wrong error={signIn.error} />}
            <button type="submit" className="primary" disabled={signIn.isPending}>
              {words.signIn.submit}
            </button>
          </form>
        </div>
      </section>
    </main>
  );
}
