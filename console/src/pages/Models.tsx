// All registered models.
import { useModels } from "../api/queries";
import { useWords } from "../i18n";
import { Head, List, Panel, When } from "../ui/basics";
import { ModelLink } from "../ui/words";

export default function Models() {
  const words = useWords();
  const models = useModels();
  return (
    <>
      <Head title={words.models.title} />
      <Panel>
        <List
          of={models}
          label={words.models.title}
          id={(model) => model.id}
          empty={words.models.empty}
          columns={[
            { name: words.common.name, cell: (model) => <ModelLink name={model.name} /> },
            { name: words.models.latest, cell: (model) => model.latest_version, isNumber: true },
            { name: words.common.owner, cell: (model) => model.owner },
            { name: words.common.created, cell: (model) => <When at={model.created_at} /> },
            { name: "", cell: (model) => model.description ?? "" },
          ]}
        />
      </Panel>
    </>
  );
}
