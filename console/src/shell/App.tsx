// The frame around every page: who is signed in, where one can go.
import { lazy, Suspense, useEffect } from "react";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";
import { ProblemError, type Schemas } from "../api/client";
import { useSession, useSignOut } from "../api/queries";
import { useWords } from "../i18n";
import { useSetting } from "../settings";
import { Skeleton, Wrong } from "../ui/basics";
import { Help } from "./Help";
import { Palette } from "./Palette";
import { Printed, PrintButton } from "./Print";
import { SignIn } from "./SignIn";
import { Tour } from "./Tour";

const Overview = lazy(() => import("../pages/Overview"));
const Deployments = lazy(() => import("../pages/Deployments"));
const Deployment = lazy(() => import("../pages/Deployment"));
const Decisions = lazy(() => import("../pages/Decisions"));
const Decision = lazy(() => import("../pages/Decision"));
const Releases = lazy(() => import("../pages/Releases"));
const Experiments = lazy(() => import("../pages/Experiments"));
const Experiment = lazy(() => import("../pages/Experiment"));
const Rollout = lazy(() => import("../pages/Rollout"));
const Gate = lazy(() => import("../pages/Gate"));
const Compliance = lazy(() => import("../pages/Compliance"));
const Assessment = lazy(() => import("../pages/Assessment"));
const Reviews = lazy(() => import("../pages/Reviews"));
const Models = lazy(() => import("../pages/Models"));
const Model = lazy(() => import("../pages/Model"));
const Findings = lazy(() => import("../pages/Findings"));
const Finding = lazy(() => import("../pages/Finding"));
const Retrains = lazy(() => import("../pages/Retrains"));
const Retrain = lazy(() => import("../pages/Retrains").then((page) => ({ default: page.Retrain })));
const Outcomes = lazy(() => import("../pages/Outcomes"));
const Lineage = lazy(() => import("../pages/Lineage"));
const Datasets = lazy(() => import("../pages/Datasets"));
const Dataset = lazy(() => import("../pages/Datasets").then((page) => ({ default: page.Dataset })));
const Access = lazy(() => import("../pages/Access"));
const Ledger = lazy(() => import("../pages/Ledger"));
const Subjects = lazy(() => import("../pages/Subjects"));
const Query = lazy(() => import("../pages/Query"));
const Settings = lazy(() => import("../pages/Settings"));

/** Every page: its path, its word, and the action without which it has nothing to show. */
export const PAGES = [
  { path: "/", word: "overview", action: null },
  { path: "/deployments", word: "deployments", action: "ListDeployments" },
  { path: "/decisions", word: "decisions", action: "ListDecisions" },
  { path: "/releases", word: "releases", action: "ListDeployments" },
  { path: "/experiments", word: "experiments", action: "ListDeployments" },
  { path: "/compliance", word: "compliance", action: "ListDeployments" },
  { path: "/reviews", word: "reviews", action: "ListReviews" },
  { path: "/models", word: "models", action: "ListModels" },
  { path: "/findings", word: "findings", action: "ListFindings" },
  { path: "/retrains", word: "retrains", action: "ListFindings" },
  { path: "/outcomes", word: "outcomes", action: "RecordOutcomes|RecordAttributes" },
  { path: "/lineage", word: "lineage", action: "ReadLineage" },
  { path: "/datasets", word: "datasets", action: "ListDatasets" },
  { path: "/access", word: "access", action: "ListPrincipals" },
  { path: "/ledger", word: "ledger", action: "ReadStatus" },
  { path: "/subjects", word: "subjects", action: "ReadSubject" },
  { path: "/query", word: "query", action: "QueryDecisions" },
  { path: "/settings", word: "settings", action: null },
] as const;

/** Whether the session may do `action`, or one of several with `|` between, anywhere. */
export const may = (session: Schemas["Session"] | undefined, action: string | null) =>
  action === null || action.split("|").some((one) => session?.actions.includes(one) ?? false);

function useTheme() {
  const [theme] = useSetting("theme");
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
      document.documentElement.dataset["theme"] = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
    };
    apply();
    dark.addEventListener("change", apply);
    return () => dark.removeEventListener("change", apply);
  }, [theme]);
}

export function App() {
  useTheme();
  const words = useWords();
  const session = useSession();
  if (session.isPending) return <Skeleton />;
  if (session.error instanceof ProblemError && session.error.status === 401) return <SignIn />;
  if (session.data === undefined) return <Wrong error={session.error} retry={() => void session.refetch()} />;
  return (
    <div className="shell">
      <a className="skip" href="#content">
        {words.nav.skip}
      </a>
      <Side session={session.data} />
      <main id="content" tabIndex={-1}>
        <Printed />
        <Suspense fallback={<Skeleton />}>
          <Switch>
            <Route path="/" component={Overview} />
            <Route path="/deployments" component={Deployments} />
            <Route path="/deployments/:name">{({ name }) => <Deployment name={decodeURIComponent(name)} />}</Route>
            <Route path="/deployments/:name/rollouts/:id">{({ name, id }) => <Rollout key={id} name={decodeURIComponent(name)} id={id} />}</Route>
            <Route path="/deployments/:name/experiments/:id">{({ name, id }) => <Experiment key={id} name={decodeURIComponent(name)} id={id} />}</Route>
            <Route path="/experiments" component={Experiments} />
            <Route path="/deployments/:name/gate">{({ name }) => <Gate name={decodeURIComponent(name)} />}</Route>
            <Route path="/releases" component={Releases} />
            <Route path="/compliance" component={Compliance} />
            <Route path="/compliance/:name">{({ name }) => <Assessment key={name} name={decodeURIComponent(name)} />}</Route>
            <Route path="/decisions" component={Decisions} />
            <Route path="/decisions/:id">{({ id }) => <Decision key={id} id={id} />}</Route>
            <Route path="/reviews" component={Reviews} />
            <Route path="/models" component={Models} />
            <Route path="/models/:name">{({ name }) => <Model name={decodeURIComponent(name)} />}</Route>
            <Route path="/findings" component={Findings} />
            <Route path="/findings/:id">{({ id }) => <Finding key={id} id={id} />}</Route>
            <Route path="/retrains" component={Retrains} />
            <Route path="/retrains/:id">{({ id }) => <Retrain key={id} id={id} />}</Route>
            <Route path="/outcomes" component={Outcomes} />
            <Route path="/lineage" component={Lineage} />
            <Route path="/datasets" component={Datasets} />
            <Route path="/datasets/:name">{({ name }) => <Dataset key={name} name={decodeURIComponent(name)} />}</Route>
            <Route path="/access" component={Access} />
            <Route path="/ledger" component={Ledger} />
            <Route path="/subjects" component={Subjects} />
            <Route path="/query" component={Query} />
            <Route path="/settings" component={Settings} />
            <Route>
              <Redirect to="/" />
            </Route>
          </Switch>
        </Suspense>
      </main>
      {session.data.dev && <Tour />}
    </div>
  );
}

function Side({ session }: { session: Schemas["Session"] }) {
  const words = useWords();
  const [path] = useLocation();
  const out = useSignOut();
  const isHere = (page: string) => (page === "/" ? path === "/" : path === page || path.startsWith(`${page}/`));
  return (
    <header className="side">
      <Link href="/" className="brand">
        <img src="/console/mark.svg" width="22" height="22" alt="" /> Plimsoll
      </Link>
      <div className="bar">
        <Palette session={session} />
        <Help />
        <PrintButton />
      </div>
      <nav aria-label={words.nav.main}>
        {PAGES.filter((page) => may(session, page.action)).map((page) => (
          <Link key={page.path} href={page.path} aria-current={isHere(page.path) ? "page" : undefined}>
            {words.nav[page.word]}
          </Link>
        ))}
      </nav>
      <div className="small stack">
        {session.dev ? (
          <span className="soft">{words.signIn.dev}</span>
        ) : (
          <>
            <strong>{session.name}</strong>
            <button type="button" onClick={() => out.mutate()}>
              {words.signIn.out}
            </button>
          </>
        )}
      </div>
    </header>
  );
}
