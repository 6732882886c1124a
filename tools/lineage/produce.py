"""Tells a server of one run with OpenLineage's own client: begun, and ended with what it read and
made. Arguments: URL, key (or `-`), digest of the file it read, digest of the file it made. Prints
the run's id."""

import sys
from datetime import datetime, timezone

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import dataset_version_dataset, schema_dataset, source_code_location_job
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport
from openlineage.client.uuid import generate_new_uuid

url, key, read, made = sys.argv[1:]
config = HttpConfig(url=url, endpoint="api/v1/lineage")
if key != "-":
    config.auth = ApiKeyTokenProvider({"apiKey": key})
client = OpenLineageClient(transport=HttpTransport(config))
producer = "https://github.com/plimsoll/plimsoll/tools/lineage"
run = Run(str(generate_new_uuid()))
code = source_code_location_job.SourceCodeLocationJobFacet(
    type="git", url="https://example.org/credit.git", version="c0ffee")
job = Job("airflow", "credit.train", {"sourceCodeLocation": code})


def version(digest):
    return dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=f"sha256:{digest}")


def tell(state, inputs, outputs):
    now = datetime.now(timezone.utc).isoformat()
    client.emit(RunEvent(eventType=state, eventTime=now, run=run, job=job, producer=producer,
                         inputs=inputs, outputs=outputs))


columns = schema_dataset.SchemaDatasetFacet(
    fields=[schema_dataset.SchemaDatasetFacetFields(name="income", type="DOUBLE")])
inputs = [InputDataset("s3://lake", "loans.csv", facets={"version": version(read), "schema": columns}),
          InputDataset("postgres://db:5432", "public.regions")]
tell(RunState.START, inputs, [])
tell(RunState.COMPLETE, inputs, [OutputDataset("s3://lake", "model.json", facets={"version": version(made)})])
client.close()
print(run.runId)
