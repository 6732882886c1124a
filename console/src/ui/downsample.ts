// Fewer points that draw the same picture: of every column of pixels the least and the largest value
// stay, so no peak is smoothed away (min-max decimation), and a gap stays a gap.

export type Values = ArrayLike<number | null>;

/** Numbers with NaN for what is missing: read without asking of each what it is. */
export function numbers(values: Values): Float64Array {
  if (values instanceof Float64Array) return values;
  const typed = new Float64Array(values.length);
  for (let place = 0; place < typed.length; place++) typed[place] = values[place] ?? Number.NaN;
  return typed;
}

/** First place in sorted `xs`, from `low` on, that is not below `x`. */
export function lowerBound(xs: ArrayLike<number>, x: number, low = 0): number {
  let high = xs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((xs[middle] as number) < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The end of the run from `begin` whose values are below `x`: looked for near by first, as columns hold few points. */
function endOf(xs: ArrayLike<number>, x: number, begin: number, end: number): number {
  let step = 1;
  while (begin + step < end && (xs[begin + step] as number) < x) step *= 2;
  let [low, high] = [begin + (step >> 1), Math.min(begin + step, end)];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((xs[middle] as number) < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Places that are kept, in memory that is used again for each frame. */
export class Places {
  private held = new Int32Array(4096);
  length = 0;

  at(place: number): number {
    return place >= 0 && place < this.length ? (this.held[place] as number) : -1;
  }
  clear(): void {
    this.length = 0;
  }
  add(place: number): void {
    if (this.length === this.held.length) {
      const more = new Int32Array(this.held.length * 2);
      more.set(this.held);
      this.held = more;
    }
    this.held[this.length++] = place;
  }
  /** Sorts what was added since `from` (few), and drops what is there twice. */
  settle(from: number): void {
    const held = this.held;
    for (let next = from + 1; next < this.length; next++) {
      const place = held[next] as number;
      let at = next - 1;
      while (at >= from && (held[at] as number) > place) {
        held[at + 1] = held[at] as number;
        at--;
      }
      held[at + 1] = place;
    }
    let write = from;
    for (let read = from; read < this.length; read++) {
      if (write === 0 || held[write - 1] !== held[read]) held[write++] = held[read] as number;
    }
    this.length = write;
  }
}

/**
 * Takes the places to draw of the points from `from` to `to`, in order: all of them if they are few, else for
 * each of `columns` equal parts its first and last point, every series' extremes and one of its gaps.
 */
export function keep(places: Places, xs: ArrayLike<number>, series: readonly Float64Array[], from: number, to: number, columns: number): void {
  places.clear();
  // One point more on either side: lines lead out of the picture.
  const first = Math.max(lowerBound(xs, from) - 1, 0);
  const end = Math.min(lowerBound(xs, to) + 1, xs.length);
  if (end - first <= columns * 4) {
    for (let place = first; place < end; place++) places.add(place);
    return;
  }
  const width = (to - from) / columns || 1;
  let begin = first;
  while (begin < end) {
    const column = Math.floor(((xs[begin] as number) - from) / width);
    const stop = Math.min(Math.max(endOf(xs, from + (column + 1) * width, begin, end), begin + 1), end);
    const settled = places.length;
    places.add(begin);
    places.add(stop - 1);
    for (const values of series) extremes(places, values, begin, stop);
    places.settle(settled);
    begin = stop;
  }
}

/** Takes the places of the least, the largest and one missing value of a run. */
function extremes(places: Places, values: Float64Array, begin: number, stop: number): void {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let [leastAt, mostAt, gap] = [-1, -1, -1];
  for (let place = begin; place < stop; place++) {
    const value = values[place] as number;
    if (value < least) {
      least = value;
      leastAt = place;
    }
    if (value > most) {
      most = value;
      mostAt = place;
    }
    // Only NaN differs from itself.
    if (value !== value && gap < 0) gap = place;
  }
  if (leastAt >= 0) places.add(leastAt);
  if (mostAt >= 0) places.add(mostAt);
  if (gap >= 0) places.add(gap);
}

/** The same as a list of its own. */
export function kept(xs: ArrayLike<number>, series: readonly Values[], from: number, to: number, columns: number): number[] {
  const places = new Places();
  keep(places, xs, series.map(numbers), from, to, columns);
  return Array.from({ length: places.length }, (_, place) => places.at(place));
}
