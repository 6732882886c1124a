// The facts of a deployment's use, asked step by step; beside them what they lead to so far.
import { useState } from "react";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { useSession } from "../api/queries";
import { type Assessment as Answer, type Facts as Stated, useAssess, useAssessment, useCatalogue, usePreviewed } from "../api/releases";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { useAddress } from "../ui/address";
import { Facts, Head, Loaded, Panel, When, Wrong } from "../ui/basics";
import { Grounds, Outcome } from "../ui/assessment";
import { gatePath, Lacks } from "../ui/release";

type Question = Schemas["FactQuestion"];
type Section = "where" | "people" | "data" | "law" | "operator";

/** Which fact is asked in which step; what a later version of the server asks beside them comes last. */
const SECTIONS: Record<Section, readonly string[]> = {
  where: ["setting", "customer_traffic_seen", "live_outcome", "criticality", "legacy"],
  people: ["areas", "interactions", "harms", "buyers", "vendor_review", "reviewed"],
  data: ["personal_data", "profiling", "solely_automated", "dpia_trigger"],
  law: ["prohibited", "annex1", "annex3", "derogation", "material_influence", "transparency", "general_purpose_provider"],
  operator: ["roles", "operator_financial", "customer_financial", "critical_function", "public_body", "placed_on_market", "significant_change"],
};
const STEPS = Object.keys(SECTIONS) as Section[];

export default function Assessment({ name }: { name: string }) {
  const words = useWords();
  const assessment = useAssessment(name);
  const catalogue = useCatalogue();
  return (
    <>
      <Head
        title={
          <>
            {words.assess.title}: <Link href={`/deployments/${encodeURIComponent(name)}`}>{name}</Link>
          </>
        }
      >
        <Link className="button" href={gatePath(name)}>
          {words.gate.open}
        </Link>
      </Head>
      <Loaded of={assessment}>{(found) => <Loaded of={catalogue}>{(known) => <Wizard name={name} found={found} catalogue={known} />}</Loaded>}</Loaded>
    </>
  );
}

/** What the server told of facts is without those that are not known. */
const stated = (facts: unknown): Stated => Object.fromEntries(Object.entries((facts ?? {}) as Stated).filter(([, value]) => value !== null));

function Wizard({ name, found, catalogue }: { name: string; found: Schemas["StoredAssessment"] | null; catalogue: Schemas["GateCatalogue"] }) {
  const words = useWords();
  const said = words.assess;
  const session = useSession().data;
  const isReader = !may(session, "AssessDeployment");
  const [facts, setFacts] = useState<Stated>(() => stated(found?.facts));
  const [step, setStep] = useAddress("step");
  const preview = usePreviewed(facts);
  const assess = useAssess(name);
  const [isSaved, setSaved] = useState(false);
  const place = Math.min(Math.max(Number(step ?? 1), 1), STEPS.length);
  const section = STEPS[place - 1] ?? "where";
  const placed = new Set(Object.values(SECTIONS).flat());
  const isLast = place === STEPS.length;
  const questions = catalogue.questions.filter(({ fact }) => SECTIONS[section].includes(fact) || (isLast && !placed.has(fact)));
  const sources = new Map(catalogue.duties.map(({ id, source }) => [id, source]));
  const change = (fact: string, value: unknown) => {
    setSaved(false);
    const { [fact]: _, ...rest } = facts;
    setFacts(value === undefined ? rest : { ...rest, [fact]: value });
  };
  const go = (to: number) => setStep(to === 1 ? null : String(to));
  return (
    <div className="two">
      <Panel title={said.sections[section]} aside={<span className="soft">{said.step(place, STEPS.length)}</span>}>
        {found && (
          <p className="soft small">
            {said.stated} {found.by_name}, <When at={found.at} />
          </p>
        )}
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            if (isLast) assess.mutate(facts, { onSuccess: () => setSaved(true) });
            else go(place + 1);
          }}
        >
          {questions.map((question) => (
            <Ask key={question.fact} of={question} value={facts[question.fact]} change={(value) => change(question.fact, value)} isReader={isReader} />
          ))}
          <div className="actions">
            {place > 1 && (
              <button type="button" onClick={() => go(place - 1)}>
                {said.back}
              </button>
            )}
            {!isLast && (
              <button type="submit" className="primary">
                {said.next}
              </button>
            )}
            {isLast && !isReader && (
              <button type="submit" className="primary" disabled={assess.isPending}>
                {said.save}
              </button>
            )}
          </div>
        </form>
        {assess.error !== null && (
          <>
            <Wrong error={assess.error} />
            <p className="soft small">{said.falls}</p>
          </>
        )}
        {isSaved && (
          <p className="note good" role="status">
            {said.saved}
          </p>
        )}
        <Lacks actions={["AssessDeployment"]} />
      </Panel>
      <Panel title={said.leads}>
        <p className="soft small">{said.leadsHint}</p>
        {found?.interactions && <Measured of={found.interactions} />}
        <Loaded of={preview}>
          {(answer: Answer) => (
            <>
              <Outcome of={answer} />
              <Grounds of={answer} sources={sources} />
            </>
          )}
        </Loaded>
      </Panel>
    </div>
  );
}

function Measured({ of }: { of: Schemas["MeasuredShare"] }) {
  const words = useWords().assess;
  const part = of.part === null || of.part === undefined ? words.allOf : words.part(of.part.toLocaleString(), of.whole.toLocaleString());
  return <Facts of={[[words.measured, part]]} />;
}

/** One question. What is not answered is not known, which is another answer than no. */
function Ask({ of, value, change, isReader }: { of: Question; value: unknown; change: (value: unknown) => void; isReader: boolean }) {
  const words = useWords();
  const said = words.assess;
  const word = (name: string) => said.answers[name] ?? name.replaceAll("_", " ");
  return (
    <fieldset disabled={isReader}>
      <legend>{said.questions[of.fact] ?? of.asks}</legend>
      {(of.answer === "yes_no" || of.answer === "one") && (
        <Choice
          of={of.fact}
          options={[
            ["", said.notKnown],
            ...(of.answer === "yes_no" ? [["true", words.common.yes] as const, ["false", words.common.no] as const] : (of.words ?? []).map((name) => [name, word(name)] as const)),
          ]}
          value={value === undefined ? "" : String(value)}
          change={(chosen) => change(chosen === "" ? undefined : of.answer === "yes_no" ? chosen === "true" : chosen)}
        />
      )}
      {of.answer === "any" && <Several of={of} value={value as string[] | undefined} change={change} word={word} />}
      {of.answer === "share" && <Share value={value as { part: number; whole: number } | undefined} change={change} />}
      {of.answer === "day" && <input type="date" aria-label={said.questions[of.fact] ?? of.asks} value={String(value ?? "")} onChange={(event) => change(event.target.value || undefined)} />}
    </fieldset>
  );
}

function Choice({ of, options, value, change }: { of: string; options: readonly (readonly [string, string])[]; value: string; change: (value: string) => void }) {
  return (
    <div className="bar choices">
      {options.map(([key, text]) => (
        <label className="row" key={key}>
          <input type="radio" name={of} value={key} checked={value === key} onChange={() => change(key)} />
          {text}
        </label>
      ))}
    </div>
  );
}

/** Any of the words: none of them is an answer, too, and nothing ticked is not. */
function Several({ of, value, change, word }: { of: Question; value: string[] | undefined; change: (value: unknown) => void; word: (name: string) => string }) {
  const words = useWords().assess;
  const toggle = (name: string) => {
    const held = value ?? [];
    const after = held.includes(name) ? held.filter((one) => one !== name) : [...held, name];
    change(after.length === 0 ? undefined : after);
  };
  return (
    <div className="bar choices">
      {(of.words ?? []).map((name) => (
        <label className="row" key={name}>
          <input type="checkbox" checked={value?.includes(name) ?? false} onChange={() => toggle(name)} />
          {word(name)}
        </label>
      ))}
      <label className="row">
        <input type="checkbox" checked={value?.length === 0} onChange={(event) => change(event.target.checked ? [] : undefined)} />
        {words.noneOf}
      </label>
    </div>
  );
}

function Share({ value, change }: { value: { part: number; whole: number } | undefined; change: (value: unknown) => void }) {
  const words = useWords().assess;
  const [part, setPart] = useState(value ? String(value.part) : "");
  const [whole, setWhole] = useState(value ? String(value.whole) : "");
  const told = (one: string, all: string) => {
    setPart(one);
    setWhole(all);
    change(one !== "" && all !== "" ? { part: Number(one), whole: Number(all) } : undefined);
  };
  return (
    <div className="bar choices">
      <input type="number" min={0} step={1} aria-label={words.part("…", "")} value={part} onChange={(event) => told(event.target.value, whole)} />
      <span>{words.partOf}</span>
      <input type="number" min={0} step={1} aria-label={words.part("", "…")} value={whole} onChange={(event) => told(part, event.target.value)} />
      {part === "" && whole === "" && <span className="soft">{words.notKnown}</span>}
    </div>
  );
}
