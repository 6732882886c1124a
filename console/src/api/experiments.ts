// What pages of experiments, statements and drift explained ask for.
import { keepPreviousData, useMutation, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, got, type Schemas } from "./client";
import { usePages } from "./queries";

/** How often what is under way is asked for again, in milliseconds. */
const WATCH = 5000;
/** A report that was not read to its end goes on at once. */
const READING = 500;
const LIST = 50;

const named = (name: string) => ({ params: { path: { name } } });
const paged = (cursor: string | null) => ({ limit: LIST, cursor });

export const useExperimentsOf = (name: string) =>
  usePages(["experiments", name], (cursor) => got(client.GET("/api/v1/deployments/{name}/experiments", { params: { path: { name }, query: paged(cursor) } })), WATCH);
/** The newest experiments of several deployments. */
export const useExperimentsOfAll = (names: readonly string[]) =>
  useQueries({
    queries: names.map((name) => ({
      queryKey: ["experiments", "newest", name],
      queryFn: () => got(client.GET("/api/v1/deployments/{name}/experiments", { params: { path: { name }, query: { limit: LIST } } })),
      refetchInterval: WATCH,
      retry: false,
    })),
  });
export const useExperiment = (name: string, id: string) =>
  useQuery({
    queryKey: ["experiment", name, id],
    queryFn: () => got(client.GET("/api/v1/deployments/{name}/experiments/{id}", { params: { path: { name, id } } })),
    refetchInterval: ({ state }) => (state.data?.ended_at ? false : WATCH),
  });
/** Outcomes still come after the end: it is asked for on, less often. */
export const useExperimentReport = (name: string, id: string, enabled: boolean) =>
  useQuery({
    queryKey: ["experiment-report", name, id],
    queryFn: () => got(client.GET("/api/v1/deployments/{name}/experiments/{id}/report", { params: { path: { name, id } } })),
    refetchInterval: ({ state }) => (state.data && !state.data.is_complete ? READING : WATCH),
    placeholderData: keepPreviousData,
    enabled,
    retry: false,
  });

function useChange<T, R>(change: (value: T) => Promise<R>, ...stale: string[]) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => {
      for (const key of stale) void queries.invalidateQueries({ queryKey: [key] });
    },
  });
}
const CHANGED = ["experiment", "experiments", "experiment-report", "deployments", "events"];
export const useStartExperiment = (name: string) =>
  useChange((body: Schemas["StartExperiment"]) => got(client.POST("/api/v1/deployments/{name}/experiments", { ...named(name), body })), ...CHANGED);
export const useStopArm = (name: string) =>
  useChange((body: Schemas["StopArm"]) => got(client.POST("/api/v1/deployments/{name}/experiments/current/stop", { ...named(name), body })), ...CHANGED);
export const useConclude = (name: string) =>
  useChange((body: Schemas["ConcludeExperiment"]) => got(client.POST("/api/v1/deployments/{name}/experiments/current/conclude", { ...named(name), body })), ...CHANGED);

export const useAttestations = (name: string) =>
  useQuery({ queryKey: ["attestations", name], queryFn: () => got(client.GET("/api/v1/deployments/{name}/attestations", named(name))) });
export const useEndAttestation = (name: string) =>
  useChange((id: string) => got(client.DELETE("/api/v1/deployments/{name}/attestations/{id}", { params: { path: { name, id } } })), "attestations", "standing");

/** Why the score moved; asked for by a person, as the ledger is read for it. */
export const useDriftExplained = (name: string) => useMutation({ mutationFn: () => got(client.GET("/api/v1/deployments/{name}/monitoring/explanation", named(name))) });

/** Decisions about a person, newest first. */
export const useDecisionsAbout = () => useMutation({ mutationFn: (subject: string) => got(client.POST("/api/v1/decisions/search", { body: { subject, limit: 100 } })) });
