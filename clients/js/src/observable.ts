/** Objects whose changes can be observed. */

/** Options of `on` and `values`. */
export interface ObserveOptions {
  /** Ends the observation. */
  signal?: AbortSignal;
}

interface Handler {
  event: string;
  call(value: unknown): void;
}

/** An object that notifies of its changes, by handlers or by asynchronous iteration. */
export abstract class Observable<T> implements AsyncIterable<T> {
  private readonly _handlers = new Set<Handler>();

  /** The value that handlers and iterations receive. */
  protected abstract _value(): T;

  /**
   * Call a handler after each change. Handlers may call anything, also what causes further changes.
   *
   * @returns a function that ends it.
   */
  on(event: "change", handler: (value: T) => void, { signal }: ObserveOptions = {}): () => void {
    const added: Handler = { event, call: handler };
    const stop = () => void this._handlers.delete(added);
    if (!signal?.aborted) this._handlers.add(added);
    signal?.addEventListener("abort", stop, { once: true });
    return stop;
  }

  /** Yield the present value, and then the latest one after changes; values that no iteration awaits are left out. */
  async *values(options: ObserveOptions = {}): AsyncGenerator<T, void, undefined> {
    const { signal } = options;
    let wake = () => {};
    let isChanged = true;
    const changed = () => {
      isChanged = true;
      wake();
    };
    const stop = this.on("change", changed, options);
    signal?.addEventListener("abort", changed, { once: true });
    try {
      while (!signal?.aborted) {
        if (!isChanged) await new Promise<void>((resolve) => (wake = resolve));
        isChanged = false;
        if (!signal?.aborted) yield this._value();
      }
    } finally {
      stop();
    }
  }

  /** Iterate as `values` does: `for await (const room of room)`. */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    return this.values();
  }

  /** Call the handlers of changes. @internal */
  changed(): void {
    this._emit();
  }

  /** Call the handlers of an event; an error of one is reported and stops no other. */
  protected _emit(event = "change", value?: unknown): void {
    for (const handler of [...this._handlers]) {
      if (handler.event !== event || !this._handlers.has(handler)) continue; // a handler before it can have ended it
      try {
        handler.call(event === "change" ? this._value() : value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
