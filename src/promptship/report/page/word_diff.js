/* Which words an answer shares with the expected text. */

const LONGEST = 20000;
const MOST_EDITS = 800;
const words = "Segmenter" in Intl ? new Intl.Segmenter(undefined, { granularity: "word" }) : null;

/* Pieces `{kind: "same" | "added" | "removed", text}`, or null where the texts are too long or share too little for
   a difference to tell anything. */
export function wordDiff(expected, actual) {
  if (expected.length > LONGEST || actual.length > LONGEST) return null;
  const [before, after] = [split(expected), split(actual)];
  const steps = shortestEdit(before, after);
  if (steps === null) return null;
  const kept = steps.filter(([kind, text]) => kind === "same" && text.trim()).length;
  const longest = Math.max(before.filter(isWord).length, after.filter(isWord).length);
  return longest > 0 && kept / longest < 0.3 ? null : join(steps);
}

function isWord(text) {
  return text.trim() !== "";
}

function split(text) {
  return words ? Array.from(words.segment(text), (piece) => piece.segment) : text.match(/\s+|\w+|[^\w\s]/gu) ?? [];
}

/* Myers (1986), "An O(ND) difference algorithm and its variations", greedy form; null above MOST_EDITS edits. */
function shortestEdit(before, after) {
  const most = Math.min(before.length + after.length, MOST_EDITS);
  const furthest = new Int32Array(2 * most + 3);
  const trace = [];
  for (let edits = 0; edits <= most; edits += 1) {
    trace.push(furthest.slice());
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const at = diagonal + most + 1;
      const down = diagonal === -edits || (diagonal !== edits && furthest[at - 1] < furthest[at + 1]);
      let x = down ? furthest[at + 1] : furthest[at - 1] + 1;
      let y = x - diagonal;
      while (x < before.length && y < after.length && before[x] === after[y]) { x += 1; y += 1; }
      furthest[at] = x;
      if (x >= before.length && y >= after.length) return walkBack(before, after, trace, most);
    }
  }
  return null;
}

function walkBack(before, after, trace, most) {
  const steps = [];
  let [x, y] = [before.length, after.length];
  for (let edits = trace.length - 1; edits >= 0; edits -= 1) {
    const furthest = trace[edits];
    const diagonal = x - y;
    const at = diagonal + most + 1;
    const down = diagonal === -edits || (diagonal !== edits && furthest[at - 1] < furthest[at + 1]);
    const fromX = down ? furthest[at + 1] : furthest[at - 1];
    const fromY = fromX - (down ? diagonal + 1 : diagonal - 1);
    while (x > fromX && y > fromY && x > 0 && y > 0) { x -= 1; y -= 1; steps.push(["same", before[x]]); }
    if (edits === 0) break;
    if (down) { y -= 1; steps.push(["added", after[y]]); } else { x -= 1; steps.push(["removed", before[x]]); }
  }
  return steps.reverse();
}

/* Changes with only blanks between them become one: "at once" for "right away", not word by word in turn. */
function join(steps) {
  const pieces = [];
  let change = { removed: "", added: "", blank: "" };
  const flush = () => {
    for (const kind of ["removed", "added"]) if (change[kind]) pieces.push({ kind, text: change[kind] });
    if (change.blank) pieces.push({ kind: "same", text: change.blank });
    change = { removed: "", added: "", blank: "" };
  };
  for (const [kind, text] of steps) {
    const open = change.removed || change.added;
    if (kind === "same" && open && !isWord(text)) change.blank += text;
    else if (kind === "same") { flush(); pieces.push({ kind, text }); }
    else takeInto(change, kind, text);
  }
  flush();
  return merge(pieces);
}

function takeInto(change, kind, text) {
  // The blank stood in both texts.
  if (change.blank) for (const side of ["removed", "added"]) if (change[side]) change[side] += change.blank;
  change.blank = "";
  change[kind] += text;
}

function merge(pieces) {
  return pieces.reduce((merged, piece) => {
    if (merged.at(-1)?.kind === piece.kind) merged.at(-1).text += piece.text;
    else merged.push({ ...piece });
    return merged;
  }, []);
}
