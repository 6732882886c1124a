// Signing in with a key, which goes to the server and is kept nowhere here.
import { type FormEvent, useState } from "react";
import { ProblemError } from "../api/client";
import { useIssuers, useSignIn } from "../api/queries";
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
  const issuers = useIssuers().data ?? [];
  const trouble = new URLSearchParams(location.search).get("sign-in");
  const isUnknown = signIn.error instanceof ProblemError && signIn.error.status === 401;
  return (
    <main className="signin">
      <section className="panel">
        <h1>{words.signIn.title}</h1>
        <div className="stack">
          {trouble !== null && (
            <div className="note bad" role="alert">
              {words.signIn.troubles[trouble as keyof typeof words.signIn.troubles] ?? words.signIn.troubles.away}
            </div>
          )}
          {issuers.map((name) => (
            <a key={name} className="button primary" href={`/console/sign-in/oidc/start?issuer=${encodeURIComponent(name)}`}>
              {words.signIn.at(name)}
            </a>
          ))}
          {issuers.length > 0 && <span className="soft">{words.signIn.or}</span>}
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
