// What a person chooses for this browser, and what the server is.
import { useSession, useStatus } from "../api/queries";
import { useWords } from "../i18n";
import { may } from "../shell/App";
import { type Settings as Chosen, useSetting } from "../settings";
import { Facts, Head, Loaded, Panel, Short, When } from "../ui/basics";

export default function Settings() {
  const words = useWords();
  const session = useSession().data;
  return (
    <>
      <Head title={words.settings.title} />
      <Panel>
        <div className="bar">
          <Choice of="theme" label={words.settings.theme} options={{ auto: words.settings.auto, light: words.settings.light, dark: words.settings.dark }} />
          <Choice of="language" label={words.settings.language} options={{ auto: words.settings.auto, en: "English", de: "Deutsch" }} />
          <Choice of="zone" label={words.settings.zone} options={{ local: words.settings.local, UTC: "UTC" }} />
        </div>
        <TrustedKey />
      </Panel>
      {session && (
        <Panel title={words.settings.session}>
          <Facts
            of={[
              [words.common.name, session.name],
              [words.settings.roles, session.roles.join(", ")],
              [words.settings.ends, <When key="ends" at={session.ends_at} />],
            ]}
          />
        </Panel>
      )}
      {may(session, "ReadStatus") && <Server />}
    </>
  );
}

function Choice<K extends "theme" | "language" | "zone">({ of, label, options }: { of: K; label: string; options: Record<Chosen[K], string> }) {
  const [value, set] = useSetting(of);
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => set(event.target.value as Chosen[K])}>
        {Object.entries<string>(options).map(([key, name]) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function TrustedKey() {
  const words = useWords();
  const [key, set] = useSetting("logKey");
  return (
    <label>
      {words.decision.trusted}
      <input className="mono" value={key} onChange={(event) => set(event.target.value.trim())} />
    </label>
  );
}

function Server() {
  const words = useWords();
  const status = useStatus();
  return (
    <Panel title={words.settings.server}>
      <Loaded of={status}>
        {(found) => (
          <Facts
            of={[
              [words.common.version, found.version],
              [words.overview.started, <When key="started" at={found.started_at} />],
              [words.settings.generation, found.state_generation],
              [words.decision.policy, <Short key="policy" of={found.policy} />],
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}
