// What pages of releases and governance ask for. Gate results and assessments travel as the documents that
// `plimsoll gate judge --json` and `plimsoll assess --json` print; their shapes are here.
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, got, ProblemError, type Schemas } from "./client";
import { usePages } from "./queries";

/** How often a rollout that is under way is looked at, in milliseconds. */
const WATCH = 1000;
/** How often what may change meanwhile is asked for again. */
const LATELY = 10_000;

export type Tier = "T0" | "T1" | "T2" | "T3" | "T4";
export type CheckState = "pass" | "not_applicable" | "exempted" | "stale" | "not_evaluable" | "fail";

export interface GateLine {
  check: string;
  state: CheckState;
  says: string;
}
export interface GateAnswer {
  demand: { check: string; duties: string[]; blocks: boolean };
  state: CheckState;
  exception?: string;
  lines: GateLine[];
}
export interface GateResult {
  deployment: string;
  artifact: string;
  tier: Tier;
  is_passed: boolean;
  reasons: string[];
  demands: GateAnswer[];
}
export interface Assessment {
  tier: Tier;
  status: "complete" | "facts_incomplete";
  word: "sandbox" | "light" | "liability" | "governed" | "mature" | "prohibited";
  level: number;
  missing: string[];
  unknown: string[];
  duties: { duty: string; stage: "prepare" | "enforce"; from?: string }[];
  checks: { check: string; duties: string[]; blocks: boolean }[];
  documents: string[];
  findings: string[];
  is_wrapped: boolean;
  rules: { rule: string; says: string; source: string }[];
}
export type Facts = Record<string, unknown>;

const LIST = 50;
const paged = (cursor: string | null) => ({ limit: LIST, cursor });
const named = (name: string) => ({ params: { path: { name } } });

/** `null` where there is none yet. */
async function orNone<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ProblemError && error.status === 404) return null;
    throw error;
  }
}

export const useRollouts = () =>
  usePages(["rollouts"], (cursor) => got(client.GET("/api/v1/rollouts", { params: { query: paged(cursor) } })), LATELY / 2);
export const useRolloutsOf = (name: string) =>
  usePages(["rollouts", name], (cursor) => got(client.GET("/api/v1/deployments/{name}/rollouts", { params: { path: { name }, query: paged(cursor) } })), LATELY / 2);
/** One rollout, looked at every second while it is under way; `current` is the one under way, or the last. */
export const useRollout = (name: string, id: string, enabled = true) =>
  useQuery({
    queryKey: ["rollout", name, id],
    queryFn: () => got(client.GET("/api/v1/deployments/{name}/rollouts/{id}", { params: { path: { name, id } } })),
    refetchInterval: ({ state }) => (state.data?.ended_at ? false : WATCH),
    enabled,
    placeholderData: keepPreviousData,
  });

export type Verb = "hold" | "resume" | "advance" | "rollback" | "kill" | "revive";
/** A person steps in, for a reason. */
export function useStep(name: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ verb, reason }: { verb: Verb; reason: string }) => {
      const body = { ...named(name), body: { reason } };
      switch (verb) {
        case "hold":
          return void (await got(client.POST("/api/v1/deployments/{name}/rollouts/current/hold", body)));
        case "resume":
          return void (await got(client.POST("/api/v1/deployments/{name}/rollouts/current/resume", body)));
        case "advance":
          return void (await got(client.POST("/api/v1/deployments/{name}/rollouts/current/advance", body)));
        case "rollback":
          return void (await got(client.POST("/api/v1/deployments/{name}/rollouts/current/rollback", body)));
        case "kill":
          return void (await got(client.POST("/api/v1/deployments/{name}/kill", body)));
        case "revive":
          return void (await got(client.POST("/api/v1/deployments/{name}/revive", body)));
      }
    },
    onSettled: () => {
      for (const key of ["rollout", "rollouts", "deployments", "events", "standing"]) void queries.invalidateQueries({ queryKey: [key] });
    },
  });
}
export function useStartRollout(name: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas["StartRollout"]) => got(client.POST("/api/v1/deployments/{name}/rollouts", { ...named(name), body })),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["rollouts"] }),
  });
}
export function useDrill(name: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => got(client.POST("/api/v1/deployments/{name}/drill", { ...named(name), body: {} })),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["rollouts"] }),
  });
}

export const useCatalogue = () =>
  useQuery({ queryKey: ["gate-catalogue"], queryFn: () => got(client.GET("/api/v1/gate-catalogue")), staleTime: Number.POSITIVE_INFINITY });
export const useStanding = (name: string, version: number | null | undefined) =>
  useQuery({
    queryKey: ["standing", name, version],
    queryFn: () => got(client.GET("/api/v1/deployments/{name}/standing/{version}", { params: { path: { name, version: String(version) } as never } })),
    enabled: typeof version === "number" && version > 0,
    refetchInterval: LATELY,
  });
export const useGates = (name: string) =>
  usePages(["gates", name], (cursor) => got(client.GET("/api/v1/deployments/{name}/gates", { params: { path: { name }, query: paged(cursor) } })));
export function useRunGate(name: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (version: number) => got(client.POST("/api/v1/deployments/{name}/gates", { ...named(name), body: { version } })),
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ["gates", name] });
      void queries.invalidateQueries({ queryKey: ["standing", name] });
    },
  });
}

export const useExceptions = (name: string) =>
  useQuery({ queryKey: ["exceptions", name], queryFn: () => got(client.GET("/api/v1/deployments/{name}/exceptions", named(name))) });
export function useExceptionVerbs(name: string) {
  const queries = useQueryClient();
  const onSuccess = () => {
    void queries.invalidateQueries({ queryKey: ["exceptions", name] });
    void queries.invalidateQueries({ queryKey: ["standing", name] });
  };
  return {
    ask: useMutation({
      mutationFn: (body: Schemas["RequestException"]) => got(client.POST("/api/v1/deployments/{name}/exceptions", { ...named(name), body })),
      onSuccess,
    }),
    allow: useMutation({
      mutationFn: (id: string) => got(client.POST("/api/v1/deployments/{name}/exceptions/{id}/allow", { params: { path: { name, id } } })),
      onSuccess,
    }),
    end: useMutation({
      mutationFn: (id: string) => got(client.DELETE("/api/v1/deployments/{name}/exceptions/{id}", { params: { path: { name, id } } })),
      onSuccess,
    }),
  };
}

export const useGlasses = (name: string) =>
  useQuery({ queryKey: ["glasses", name], queryFn: () => got(client.GET("/api/v1/deployments/{name}/break-glass", named(name))) });
export function useGlassVerbs(name: string) {
  const queries = useQueryClient();
  const onSuccess = () => {
    void queries.invalidateQueries({ queryKey: ["glasses", name] });
    void queries.invalidateQueries({ queryKey: ["standing", name] });
  };
  return {
    smash: useMutation({
      mutationFn: (body: Schemas["BreakGlass"]) => got(client.POST("/api/v1/deployments/{name}/break-glass", { ...named(name), body })),
      onSuccess,
    }),
    review: useMutation({
      mutationFn: (id: string) => got(client.POST("/api/v1/deployments/{name}/break-glass/{id}/review", { params: { path: { name, id } } })),
      onSuccess,
    }),
  };
}

export const useApprovalKeys = (enabled: boolean) =>
  useQuery({ queryKey: ["approval-keys"], queryFn: () => got(client.GET("/api/v1/approval-keys")), enabled });

/** What is owed for a deployment's use; `null` if nobody assessed it. */
export const useAssessment = (name: string) =>
  useQuery({
    queryKey: ["assessment", name],
    queryFn: () => orNone(got(client.GET("/api/v1/deployments/{name}/assessment", named(name)))),
    staleTime: 60_000,
    retry: false,
  });
export const usePreviewed = (facts: Facts) =>
  useQuery({
    queryKey: ["assessment-preview", facts],
    queryFn: async () => (await got(client.POST("/api/v1/assessment-previews", { body: { facts } }))).assessment as Assessment,
    placeholderData: keepPreviousData,
    retry: false,
  });
export function useAssess(name: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (facts: Facts) => got(client.PUT("/api/v1/deployments/{name}/assessment", { ...named(name), body: { facts } })),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["assessment", name] });
      void queries.invalidateQueries({ queryKey: ["deployments"] });
      void queries.invalidateQueries({ queryKey: ["standing", name] });
    },
  });
}

/** Findings that are not resolved; more than a page of them is told as such. */
export const useOpenFindings = (enabled: boolean) =>
  useQuery({
    queryKey: ["findings", "open"],
    queryFn: () => got(client.GET("/api/v1/findings", { params: { query: { state: "open", limit: 1000 } } })),
    enabled,
    refetchInterval: LATELY,
  });

export const useCard = (model: string, number: number) =>
  useQuery({
    queryKey: ["card", model, number],
    queryFn: () => got(client.GET("/api/v1/models/{model}/versions/{number}/card", { params: { path: { model, number: String(number) } as never } })),
    enabled: number > 0,
  });
export const useScanBlocks = (enabled: boolean) =>
  useQuery({ queryKey: ["scan-blocks"], queryFn: () => got(client.GET("/api/v1/scans/blocks")), enabled });
