/** The longest piece of work of this thread, in milliseconds of CPU time: what else the machine does is not in it. */
export class LongestPiece {
  #longestMs = 0;
  #watching = true;

  /** Watching keeps the loop busy, so other figures are not to be taken at the same time. */
  static watch(): LongestPiece {
    const piece = new LongestPiece();
    let before = cpuMs();
    const turn = (): void => {
      const now = cpuMs();
      piece.#longestMs = Math.max(piece.#longestMs, now - before);
      before = now;
      if (piece.#watching) setImmediate(turn);
    };
    setImmediate(turn);
    return piece;
  }

  /** The longest since the start or the last call. */
  take(): number {
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  stop(): void {
    this.#watching = false;
  }
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
