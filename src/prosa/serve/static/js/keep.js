// What the browser keeps of small things; a browser that keeps nothing (private windows, blocked storage) loses them,
// no more.

export function kept(name, storage = "localStorage") {
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

/** Keeps a value, or forgets it where it is null. */
export function keep(name, value, storage = "localStorage") {
  try {
    if (value === null) window[storage].removeItem(name);
    else window[storage].setItem(name, value);
  } catch {
    // what could not be kept is asked again
  }
}
