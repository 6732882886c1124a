// A graph laid out in layers (dagre), from where things came to what came of them. Each thing is a button.
import dagre from "@dagrejs/dagre";
import { useMemo, useRef } from "react";
import { useWords } from "../i18n";
import { savePng, saveSvg } from "./picture";

export interface GraphNode {
  id: string;
  kind: string;
  label: string;
}
export interface GraphEdge {
  from: string;
  to: string;
  label: string;
}

const WIDE = 190;
const HIGH = 44;
const MARGIN = 16;
/** Letters of a label that fit; the list and the panel beside have all of it. */
const LETTERS = 25;
const cut = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

interface Laid {
  width: number;
  height: number;
  nodes: (GraphNode & { x: number; y: number })[];
  edges: (GraphEdge & { points: { x: number; y: number }[] })[];
}

/** Where everything goes. */
export function laid(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): Laid {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", nodesep: 14, ranksep: 80, marginx: MARGIN, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of nodes) graph.setNode(id, { width: WIDE, height: HIGH });
  edges.forEach(({ from, to }, place) => graph.setEdge(from, to, {}, String(place)));
  dagre.layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width: Math.max(width, WIDE),
    height: Math.max(height, HIGH),
    nodes: nodes.map((node) => {
      const { x, y } = graph.node(node.id) as { x: number; y: number };
      return { ...node, x, y };
    }),
    edges: edges.map((edge, place) => ({ ...edge, points: (graph.edge(edge.from, edge.to, String(place)) as { points: { x: number; y: number }[] }).points })),
  };
}

export default function Graph({ title, nodes, edges, root, chosen, choose }: { title: string; nodes: readonly GraphNode[]; edges: readonly GraphEdge[]; root: string; chosen: string | null; choose: (id: string) => void }) {
  const words = useWords();
  const own = words.watch.lineage;
  const svg = useRef<SVGSVGElement>(null);
  const { width, height, nodes: placed, edges: drawn } = useMemo(() => laid(nodes, edges), [nodes, edges]);
  const path = (points: readonly { x: number; y: number }[]) => points.map(({ x, y }, n) => `${n === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
  return (
    <div className="plot">
      <div className="bar">
        <h3>{title}</h3>
        <div className="tools">
          <button type="button" onClick={() => svg.current && saveSvg(svg.current, title)}>SVG</button>
          <button type="button" onClick={() => svg.current && savePng(svg.current, title)}>PNG</button>
        </div>
      </div>
      <div className="graph" role="group" aria-label={`${title}. ${own.keys}`} tabIndex={0}>
        <svg ref={svg} width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
          <defs>
            <marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
              <path d="M0 0L8 4L0 8z" />
            </marker>
          </defs>
          {drawn.map((edge) => {
            const middle = edge.points[Math.floor(edge.points.length / 2)];
            return (
              <g key={`${edge.from} ${edge.to} ${edge.label}`} aria-hidden="true">
                <path className="edge" d={path(edge.points)} markerEnd="url(#arrow)" />
                {middle && (
                  <text className="soft" x={middle.x} y={middle.y - 4} textAnchor="middle">
                    {edge.label}
                  </text>
                )}
              </g>
            );
          })}
          {placed.map((node) => (
            <g
              key={node.id}
              className={node.id === root ? "node root" : "node"}
              transform={`translate(${node.x - WIDE / 2} ${node.y - HIGH / 2})`}
              role="button"
              tabIndex={0}
              aria-pressed={node.id === chosen}
              aria-label={`${own.kinds[node.kind] ?? node.kind} ${cut(node.label, LETTERS)}`}
              onClick={() => choose(node.id)}
              onKeyDown={(event) => {
                if (event.key !== "Enter" && event.key !== " ") return;
                event.preventDefault();
                choose(node.id);
              }}
            >
              <rect width={WIDE} height={HIGH} rx={6} />
              <text className="soft" x={10} y={16}>
                {`${own.kinds[node.kind] ?? node.kind} `}
              </text>
              <text x={10} y={33}>{cut(node.label, LETTERS)}</text>
            </g>
          ))}
        </svg>
      </div>
    </div>
  );
}
