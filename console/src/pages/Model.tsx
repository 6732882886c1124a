// One model: its versions, and what the chosen one attends to.
import { Link } from "wouter";
import { useReport, useVersions } from "../api/queries";
import { useWords } from "../i18n";
import { useAddress } from "../ui/address";
import { Head, List, Loaded, Panel, Short, When } from "../ui/basics";
import { Bars } from "../ui/charts";
import { ModelVersion } from "./ModelVersion";

const MOST_BARS = 20;

export default function Model({ name }: { name: string }) {
  const words = useWords();
  const versions = useVersions(name);
  const [chosen, choose] = useAddress("version");
  const latest = versions.items.reduce((most, version) => Math.max(most, version.number), 0);
  const number = Number(chosen ?? latest);
  const version = versions.items.find((one) => one.number === number);
  return (
    <>
      <Head title={name}>
        {number > 0 && (
          <Link className="button" href={`/lineage?at=${encodeURIComponent(`model:${name}/${number}`)}`}>
            {words.nav.lineage}
          </Link>
        )}
      </Head>
      <Panel title={words.models.versions}>
        <List
          of={versions}
          label={words.models.versions}
          id={(version) => String(version.number)}
          empty={words.models.empty}
          columns={[
            {
              name: words.common.version,
              cell: (version) => (
                <button type="button" className="plain" aria-pressed={version.number === number} onClick={() => choose(String(version.number))}>
                  {version.number}
                </button>
              ),
            },
            { name: words.models.format, cell: (version) => version.facts.format },
            { name: words.models.objective, cell: (version) => version.facts.objective },
            { name: words.models.trees, cell: (version) => version.facts.trees, isNumber: true },
            { name: words.models.features, cell: (version) => version.facts.features, isNumber: true },
            { name: words.models.author, cell: (version) => version.author_name },
            { name: words.common.created, cell: (version) => <When at={version.created_at} /> },
            { name: words.common.digest, cell: (version) => <Short of={version.digest} /> },
          ]}
        />
      </Panel>
      {version && <ModelVersion key={version.number} of={version} all={versions.items} />}
      {number > 0 && <Report model={name} number={number} />}
    </>
  );
}

function Report({ model, number }: { model: string; number: number }) {
  const words = useWords();
  const report = useReport(model, number);
  const title = `${words.models.report} · ${words.common.version} ${number}`;
  return (
    <Panel title={title}>
      {report.error !== null ? (
        <span className="soft">
          {words.models.noReport}: {report.error.message}
        </span>
      ) : (
        <Loaded of={report}>
          {({ importance }) => <Bars title={`${title}: ${words.models.importance}`} of={importance.slice(0, MOST_BARS).map((of) => ({ label: of.name, value: of.mean_abs }))} />}
        </Loaded>
      )}
    </Panel>
  );
}
