// What pages about watching ask for: findings, alerts, retrainings, monitoring, performance, lineage, data.
import { keepPreviousData, useMutation, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { client, got, type Schemas } from "./client";
import { paged, usePages } from "./queries";

/** How often what moves is asked for again, in milliseconds. */
const LIVE = 4000;
/** The same of a log that is being written. */
const LOG = 1500;

/** Without what was not said. */
const said = <T extends object>(of: T) => Object.fromEntries(Object.entries(of).filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false));

export interface FindingFilter {
  deployment?: string | null;
  state?: Schemas["FindingState"] | null;
  kind?: Schemas["FindingKind"] | null;
  severity?: Schemas["FindingSeverity"] | null;
  owner?: string | null;
  opened_before?: string | null;
  is_overdue?: boolean;
}
export const useFindings = (filter: FindingFilter) =>
  usePages(["findings", filter], (cursor) => got(client.GET("/api/v1/findings", { params: { query: { ...said(filter), ...paged(cursor) } } })));
/** The newest findings of a deployment, for those that are beside one. */
export const useFindingsOf = (deployment: string | undefined) =>
  useQuery({
    queryKey: ["findings", "of", deployment],
    queryFn: () => got(client.GET("/api/v1/findings", { params: { query: { deployment: deployment ?? "", limit: 20 } } })),
    enabled: deployment !== undefined,
  });
const ofId = (id: string) => ({ params: { path: { id } } });
export const useFinding = (id: string) =>
  useQuery({ queryKey: ["finding", id], queryFn: () => got(client.GET("/api/v1/findings/{id}", ofId(id))), refetchInterval: LIVE });

export type FindingAct =
  | { what: "acknowledge"; body: Schemas["AcknowledgeFinding"] }
  | { what: "assign"; body: Schemas["AssignFinding"] }
  | { what: "snooze"; body: Schemas["SnoozeFinding"] }
  | { what: "resolve"; body: Schemas["ResolveFinding"] };
export function useFindingAct(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (act: FindingAct) => {
      switch (act.what) {
        case "acknowledge":
          return got(client.POST("/api/v1/findings/{id}/acknowledge", { ...ofId(id), body: act.body }));
        case "assign":
          return got(client.POST("/api/v1/findings/{id}/assign", { ...ofId(id), body: act.body }));
        case "snooze":
          return got(client.POST("/api/v1/findings/{id}/snooze", { ...ofId(id), body: act.body }));
        case "resolve":
          return got(client.POST("/api/v1/findings/{id}/resolve", { ...ofId(id), body: act.body }));
      }
    },
    onSuccess: (finding) => {
      queries.setQueryData(["finding", id], finding);
      void queries.invalidateQueries({ queryKey: ["findings"] });
      void queries.invalidateQueries({ queryKey: ["alerts"] });
    },
  });
}

/** Something that changes the server, after which lists of these names are stale. */
function useChange<T, R = unknown>(change: (value: T) => Promise<R>, ...stale: string[]) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => {
      for (const name of stale) void queries.invalidateQueries({ queryKey: [name] });
    },
  });
}

export const useReportFinding = () => useChange((body: Schemas["ReportFinding"]) => got(client.POST("/api/v1/findings", { body })), "findings");
export const useSilences = () => useQuery({ queryKey: ["silences"], queryFn: () => got(client.GET("/api/v1/silences")) });
export const useMakeSilence = () => useChange((body: Schemas["CreateSilence"]) => got(client.POST("/api/v1/silences", { body })), "silences");
export const useEndSilence = () => useChange((id: string) => got(client.DELETE("/api/v1/silences/{id}", ofId(id))), "silences");

export const useAlerts = (filter: { state?: Schemas["AlertState"] | null; finding?: string }, enabled = true) => {
  const pages = usePages(["alerts", filter, enabled], (cursor) =>
    enabled ? got(client.GET("/api/v1/alerts", { params: { query: { ...said(filter), ...paged(cursor) } } })) : Promise.resolve({ items: [] as Schemas["SentAlert"][] }),
  );
  return pages;
};
export const useRedeliver = () => useChange((id: string) => got(client.POST("/api/v1/alerts/{id}/redeliver", ofId(id))), "alerts");
export const useAlertRoutes = () => usePages(["routes"], (cursor) => got(client.GET("/api/v1/alerts/routes", { params: { query: paged(cursor) } })));
const ofName = (name: string) => ({ params: { path: { name } } });
export const useTestRoute = () => useMutation({ mutationFn: (name: string) => got(client.POST("/api/v1/alerts/routes/{name}/test", ofName(name))) });
export const useMakeRoute = () => useChange((body: Schemas["CreateAlertRoute"]) => got(client.POST("/api/v1/alerts/routes", { body })), "routes");
export const useRemoveRoute = () => useChange((name: string) => got(client.DELETE("/api/v1/alerts/routes/{name}", ofName(name))), "routes");

export const useRetrains = (deployment: string | null) =>
  usePages(["retrains", deployment], (cursor) => got(client.GET("/api/v1/retrains", { params: { query: { ...said({ deployment }), ...paged(cursor) } } })));
export const useRetrain = (id: string) =>
  useQuery({ queryKey: ["retrain", id], queryFn: () => got(client.GET("/api/v1/retrains/{id}", ofId(id))), refetchInterval: LIVE });
export const useRequestRetrain = () => useChange((body: Schemas["RequestRetrain"]) => got(client.POST("/api/v1/retrains", { body })), "retrains");
export const useApproveRetrain = () => useChange((id: string) => got(client.POST("/api/v1/retrains/{id}/approve", ofId(id))), "retrains", "retrain");
export const useCancelRetrain = () =>
  useChange(({ id, reason }: { id: string; reason: string }) => got(client.POST("/api/v1/retrains/{id}/cancel", { ...ofId(id), body: { reason } })), "retrains", "retrain");

/** What a trainer says, as it says it. */
export function useRetrainLog(id: string, enabled: boolean) {
  const [log, setLog] = useState({ text: "", next: 0, isOver: false });
  const query = useQuery({
    queryKey: ["retrain-log", id, log.next],
    queryFn: () => got(client.GET("/api/v1/retrains/{id}/log", { params: { path: { id }, query: { from: log.next } } })),
    enabled: enabled && !log.isOver,
    refetchInterval: LOG,
    retry: false,
  });
  const { data } = query;
  useEffect(() => {
    if (data) setLog((before) => (data.next < before.next ? before : { text: data.next > before.next ? before.text + data.text : before.text, next: data.next, isOver: data.is_over }));
  }, [data]);
  return { ...log, error: query.error };
}

export const useMonitoring = (name: string) =>
  useQuery({ queryKey: ["monitoring", name], queryFn: () => got(client.GET("/api/v1/deployments/{name}/monitoring", ofName(name))), refetchInterval: LIVE * 4 });
export interface WindowsWanted {
  since: string | null;
  until: string | null;
  column?: string | null;
}
/** As many as a monitor keeps. */
const WINDOWS = 512;
export const useWindows = (name: string, wanted: WindowsWanted, enabled = true) =>
  useQuery({
    queryKey: ["windows", name, wanted],
    queryFn: () => got(client.GET("/api/v1/deployments/{name}/monitoring/windows", { params: { path: { name }, query: { ...said(wanted), limit: WINDOWS } } })),
    enabled,
    placeholderData: keepPreviousData,
  });
export const useBackfill = (name: string) => useChange(() => got(client.POST("/api/v1/deployments/{name}/monitoring/backfill", ofName(name))), "monitoring");

export const usePerformance = (name: string, query: Record<string, string | null>) =>
  useQuery({
    queryKey: ["performance", name, query],
    queryFn: () => got(client.GET("/api/v1/deployments/{name}/performance", { params: { path: { name }, query: said(query) } })),
    placeholderData: keepPreviousData,
    retry: false,
  });
export const useFairness = (name: string, query: Record<string, string | null>, enabled: boolean) =>
  useQuery({
    queryKey: ["fairness", name, query],
    queryFn: () => got(client.GET("/api/v1/deployments/{name}/fairness", { params: { path: { name }, query: said(query) } })),
    placeholderData: keepPreviousData,
    enabled,
    retry: false,
  });
/** What a file's ending says it is. */
const MEDIA: Record<string, string> = { csv: "text/csv", parquet: "application/vnd.apache.parquet", ndjson: "application/x-ndjson", jsonl: "application/x-ndjson", json: "application/json" };
export const mediaOf = (name: string) => MEDIA[name.split(".").at(-1)?.toLowerCase() ?? ""];
export const useTellOutcomes = (what: "outcomes" | "attributes") =>
  useChange(
    (file: File) => {
      const media = mediaOf(file.name) ?? "text/csv";
      const body = file as unknown as Schemas["RecordOutcomes"];
      const settings = { body, bodySerializer: () => file, headers: { "content-type": media } };
      return got(what === "outcomes" ? client.POST("/api/v1/outcomes", settings) : client.POST("/api/v1/attributes", settings));
    },
    "performance",
    "fairness",
  );

export interface LineageWanted {
  direction: Schemas["Direction"];
  depth: number;
  decisions: number;
}
export const useLineage = (root: { kind: string; id: string } | null, wanted: LineageWanted) =>
  useQuery({
    queryKey: ["lineage", root, wanted],
    queryFn: () =>
      got(
        client.GET("/api/v1/lineage/{kind}/{id}", {
          params: { path: { kind: root?.kind ?? "", id: root?.id ?? "" }, query: wanted },
          // Ids of versions have a slash of their own, which is a part of the path.
          pathSerializer: () => `/api/v1/lineage/${root?.kind}/${(root?.id ?? "").split("/").map(encodeURIComponent).join("/")}`,
        }),
      ),
    enabled: root !== null,
    retry: false,
    placeholderData: keepPreviousData,
  });

export const useDatasets = () => usePages(["datasets"], (cursor) => got(client.GET("/api/v1/datasets", { params: { query: paged(cursor) } })));
export const useDataset = (name: string) => useQuery({ queryKey: ["dataset", name], queryFn: () => got(client.GET("/api/v1/datasets/{name}", ofName(name))) });
/** Datasets with their grants, which lists leave out. */
export const useDatasetsOf = (names: readonly string[]) =>
  useQueries({ queries: names.map((name) => ({ queryKey: ["dataset", name], queryFn: () => got(client.GET("/api/v1/datasets/{name}", ofName(name))), retry: false })) });
export const useDatasetVersion = (name: string, number: number) =>
  useQuery({
    queryKey: ["dataset", name, number],
    queryFn: () => got(client.GET("/api/v1/datasets/{name}/versions/{number}", { params: { path: { name, number: String(number) } as never } })),
    staleTime: Number.POSITIVE_INFINITY,
  });
export const useGrant = (name: string) =>
  useChange(
    ({ grant, isGiven }: { grant: Schemas["GrantDataset"]; isGiven: boolean }) =>
      got(isGiven ? client.POST("/api/v1/datasets/{name}/grants", { ...ofName(name), body: grant }) : client.POST("/api/v1/datasets/{name}/revocations", { ...ofName(name), body: grant })),
    "dataset",
  );

export const useTimeline = (query: { since: string | null; until: string | null }) =>
  useQuery({
    queryKey: ["timeline", query],
    queryFn: () => got(client.GET("/api/v1/ledger/timeline", { params: { query: said(query) } })),
    refetchInterval: LIVE * 4,
    placeholderData: keepPreviousData,
  });
