// Fewer points that draw the same picture: of every column of pixels the least and the largest value
// stay, so no peak is smoothed away (min-max decimation), and a gap stays a gap.

export type Values = ArrayLike<number | null>;

/** First place in sorted `xs` that is not below `x`. */
export function lowerBound(xs: ArrayLike<number>, x: number): number {
  let [low, high] = [0, xs.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((xs[middle] as number) < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The places to draw of the points from `from` to `to`, in order: all of them if they are few, else for
 * each of `columns` equal parts its first and last point, every series' extremes and one of its gaps.
 */
export function kept(xs: ArrayLike<number>, series: readonly Values[], from: number, to: number, columns: number): number[] {
  // One point more on either side: lines lead out of the picture.
  const first = Math.max(lowerBound(xs, from) - 1, 0);
  const end = Math.min(lowerBound(xs, to) + 1, xs.length);
  const places: number[] = [];
  if (end - first <= columns * 4) {
    for (let place = first; place < end; place++) places.push(place);
    return places;
  }
  const width = (to - from) / columns || 1;
  const wanted: number[] = [];
  let begin = first;
  while (begin < end) {
    const column = Math.floor(((xs[begin] as number) - from) / width);
    let stop = lowerBound(xs, from + (column + 1) * width);
    stop = Math.min(Math.max(stop, begin + 1), end);
    wanted.length = 0;
    wanted.push(begin, stop - 1);
    for (const values of series) {
      let [least, most, gap] = [-1, -1, -1];
      for (let place = begin; place < stop; place++) {
        const value = values[place];
        if (value == null) {
          if (gap < 0) gap = place;
          continue;
        }
        if (least < 0 || value < (values[least] as number)) least = place;
        if (most < 0 || value > (values[most] as number)) most = place;
      }
      if (least >= 0) wanted.push(least, most);
      if (gap >= 0) wanted.push(gap);
    }
    wanted.sort((a, b) => a - b);
    for (const place of wanted) if (places[places.length - 1] !== place) places.push(place);
    begin = stop;
  }
  return places;
}
