// Whether everything is there: records by time, and how many of them checkpoints and witnesses cover.
import { useState } from "react";
import type { Schemas } from "../api/client";
import { useTimeline } from "../api/watch";
import { useLanguage, useWords } from "../i18n";
import { useSetting } from "../settings";
import { rangeOf, shown } from "../time";
import { useAddress } from "../ui/address";
import { type Column, Empty, Loaded, Panel, When } from "../ui/basics";
import { Figure } from "../ui/figures";
import { RangePicker } from "../ui/Range";

type Part = Schemas["TimelinePart"];
const WIDTH = 960;
const HIGH = 150;
const STRIP = 16;

const decisions = (part: Part) => Object.values(part.results).reduce((sum, count) => sum + (count ?? 0), 0);
const abandoned = (part: Part) => part.results.abandoned ?? 0;

export default function LedgerTimeline() {
  const own = useWords().watch.timeline;
  const [range, setRange] = useAddress("range");
  const [now] = useState(() => Date.now());
  const timeline = useTimeline(rangeOf(range ?? "24h", now));
  return (
    <Panel title={own.title}>
      <div className="bar">
        <RangePicker value={range ?? "24h"} change={setRange} now={now} />
      </div>
      <p className="small soft">{own.hint}</p>
      <Loaded of={timeline}>{(found) => <Drawn of={found} />}</Loaded>
    </Panel>
  );
}

function Drawn({ of }: { of: Schemas["LedgerTimeline"] }) {
  const { watch: words } = useWords();
  const own = words.timeline;
  const language = useLanguage();
  const [zone] = useSetting("zone");
  const waiting = of.records - of.published;
  const unwitnessed = of.published - of.witnessed;
  const most = Math.max(...of.parts.map((part) => part.records), 1);
  const covered = (count: number, part: Part) => (part.records === 0 ? "–" : count >= part.records ? own.all : count === 0 ? own.not : own.part);
  const columns: Column<Part>[] = [
    { name: words.performance.from, cell: (part) => <When at={part.from} />, text: (part) => part.from },
    { name: own.records, isNumber: true, cell: (part) => part.records.toLocaleString(), text: (part) => String(part.records) },
    { name: own.decisions, isNumber: true, cell: (part) => decisions(part).toLocaleString(), text: (part) => String(decisions(part)) },
    { name: own.abandoned, isNumber: true, cell: (part) => abandoned(part).toLocaleString(), text: (part) => String(abandoned(part)) },
    { name: own.published, cell: (part) => covered(part.published, part), text: (part) => String(part.published) },
    { name: own.witnessed, cell: (part) => covered(part.witnessed, part), text: (part) => String(part.witnessed) },
  ];
  const wide = WIDTH / of.parts.length;
  const tall = (count: number) => (count / most) * HIGH;
  const strip = (part: Part, count: number) => (part.records === 0 ? null : count >= part.records ? "good" : count === 0 ? "none" : "warn");
  const rows = of.parts.filter((part) => part.records > 0);
  return (
    <>
      <p role="status">
        {waiting > 0 ? own.open(waiting.toLocaleString()) : own.whole(of.records.toLocaleString())} {unwitnessed > 0 && own.unwitnessed(unwitnessed.toLocaleString())}
      </p>
      {!of.is_whole && <div className="note">{own.notWhole}</div>}
      {rows.length === 0 ? (
        <Empty>{own.empty}</Empty>
      ) : (
        <Figure title={own.title} rows={rows} columns={columns} id={(part) => part.from} width={WIDTH} height={HIGH + 3 * STRIP + 34}>
          {of.parts.map((part, n) => {
            const [all, own_, lost] = [tall(part.records), tall(decisions(part)), tall(abandoned(part))];
            const x = n * wide + 0.5;
            const w = Math.max(wide - 1, 1);
            const says = `${shown(part.from, zone, language)}: ${part.records} ${own.records}, ${decisions(part)} ${own.decisions}, ${abandoned(part)} ${own.abandoned}; ${own.published}: ${covered(part.published, part)}; ${own.witnessed}: ${covered(part.witnessed, part)}`;
            return (
              <g key={part.from}>
                <title>{says}</title>
                <rect className="then" x={x} y={HIGH - all} width={w} height={Math.max(all - own_, 0)} />
                <rect className="bar" x={x} y={HIGH - own_} width={w} height={Math.max(own_ - lost, part.records > 0 ? 1 : 0)} />
                {lost > 0 && <rect className="bad" x={x} y={HIGH - Math.max(lost, 2)} width={w} height={Math.max(lost, 2)} />}
                {[part.published, part.witnessed].map((count, row) => {
                  const tone = strip(part, count);
                  return tone === null ? null : <rect key={row} className={tone} x={x} y={HIGH + 6 + row * STRIP} width={w} height={tone === "warn" ? STRIP / 2 : STRIP - 4} />;
                })}
              </g>
            );
          })}
          <line className="axis" x1={0} x2={WIDTH} y1={HIGH + 1} y2={HIGH + 1} />
          <text className="soft" x={0} y={HIGH + 3 * STRIP}>{shown(of.parts[0]?.from ?? "", zone, language)}</text>
          <text className="soft" x={WIDTH} y={HIGH + 3 * STRIP} textAnchor="end">{shown(of.parts.at(-1)?.until ?? "", zone, language)}</text>
          {own.legend.map((name, n) => (
            <g key={name} transform={`translate(${n * 190} ${HIGH + 3 * STRIP + 14})`}>
              <rect className={["bar", "then", "bad"][n]} width={12} height={12} />
              <text x={18} y={11}>{name}</text>
            </g>
          ))}
          <text className="soft" x={WIDTH} y={HIGH + 3 * STRIP + 25} textAnchor="end">{`↥ ${own.published}, ${own.witnessed}`}</text>
        </Figure>
      )}
    </>
  );
}
