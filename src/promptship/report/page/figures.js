/* Figures as people read them; a missing figure is a dash, never a zero. The same rules as in the static part. */

const MISSING = "-";

export function percent(share) {
  if (share === null || share === undefined) return MISSING;
  if (share === 0 || share === 1) return `${share * 100}%`;
  return `${Math.min(Math.max(share * 100, 0.1), 99.9).toFixed(1)}%`;
}

export function seconds(duration) {
  if (duration === null || duration === undefined) return MISSING;
  if (duration < 1) return `${Math.round(duration * 1000)} ms`;
  if (duration < 120) return `${duration.toFixed(1)} s`;
  const whole = Math.round(duration);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export function usd(cost) {
  if (cost === null || cost === undefined) return MISSING;
  if (cost === 0) return "$0";
  return cost >= 0.01 ? `$${cost.toFixed(2)}` : `$${Number(cost.toPrecision(2)).toFixed(12).replace(/0+$/, "")}`;
}

export function count(number) {
  return number.toLocaleString("en");
}

export function plain(value) {
  if (value === null || value === undefined) return MISSING;
  return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(3)));
}
