// What passes a deployment, second by second, as the server sends it (server-sent events).
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Schemas } from "./client";

export type LiveSecond = Schemas["LiveSecond"];
export type LiveScores = Schemas["LiveScores"];
/** `ended`: the server let it go and takes it no more, as the session ended or the right was taken. */
export type LiveState = "connecting" | "open" | "ended";

/** Seconds that are kept: ten minutes. */
const MAX_SECONDS = 600;

/** The seconds of a deployment, oldest first. */
export function useLive(name: string): { seconds: readonly LiveSecond[]; state: LiveState } {
  const queries = useQueryClient();
  const [seconds, setSeconds] = useState<readonly LiveSecond[]>([]);
  const [state, setState] = useState<LiveState>("connecting");
  const waiting = useRef<LiveSecond[]>([]);
  useEffect(() => {
    const source = new EventSource(`/api/v1/deployments/${encodeURIComponent(name)}/live`);
    let frame = 0;
    // What comes at once is shown at once: the time before comes as hundreds of events.
    const show = () => {
      frame = 0;
      const more = waiting.current.splice(0);
      setSeconds((before) => joined(before, more));
    };
    source.onopen = () => setState("open");
    source.onmessage = ({ data }: MessageEvent<string>) => {
      waiting.current.push(JSON.parse(data) as LiveSecond);
      if (frame === 0) frame = requestAnimationFrame(show);
    };
    source.onerror = () => {
      const isOver = source.readyState === EventSource.CLOSED;
      setState(isOver ? "ended" : "connecting");
      if (isOver) void queries.invalidateQueries({ queryKey: ["session"] });
    };
    return () => {
      source.close();
      cancelAnimationFrame(frame);
      waiting.current = [];
      setSeconds([]);
      setState("connecting");
    };
  }, [name, queries]);
  return { seconds, state };
}

/** `more` after `before`, each second once: whoever connects again is told the past again. */
export function joined(before: readonly LiveSecond[], more: readonly LiveSecond[]): readonly LiveSecond[] {
  const last = before.at(-1)?.time ?? "";
  const fresh = more.filter(({ time }) => time > last);
  return fresh.length === 0 ? before : [...before, ...fresh].slice(-MAX_SECONDS);
}

/** Distributions as one, in at most `most` cells: their widths are powers of two, so they can be added. */
export function added(all: readonly LiveScores[], most = 48): LiveScores | null {
  const held = all.filter(({ counts }) => counts.length > 0);
  if (held.length === 0) return null;
  let exponent = Math.max(...held.map((one) => one.exponent));
  for (;;) {
    const at = exponent;
    const cell = (one: LiveScores, place: number) => Math.floor((one.first + place) / 2 ** (at - one.exponent));
    const first = Math.min(...held.map((one) => cell(one, 0)));
    const last = Math.max(...held.map((one) => cell(one, one.counts.length - 1)));
    if (last - first < most) {
      const counts = new Array<number>(last - first + 1).fill(0);
      for (const one of held) one.counts.forEach((count, place) => (counts[cell(one, place) - first] = (counts[cell(one, place) - first] ?? 0) + count));
      return { exponent, first, counts };
    }
    exponent += 1;
  }
}
