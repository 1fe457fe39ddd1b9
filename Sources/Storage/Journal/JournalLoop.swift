import Platform
import Wire

/// What the writer's thread does: wait, collect a group, write it, answer.
struct JournalLoop {
  private let queue: Monitor<AppendQueue>
  private let catalog: Monitor<JournalCatalog>
  private let waitNanoseconds: UInt64
  private let ended: @Sendable (JournalTip) -> Void
  private let durable: @Sendable (JournalTip) -> Void
  private let fatal: @Sendable (JournalFatality) -> Void

  /// `ended` hears of each group before those who waited for it, `durable` after.
  init(
    _ queue: Monitor<AppendQueue>, _ catalog: Monitor<JournalCatalog>, waitNanoseconds: UInt64,
    ended: @escaping @Sendable (JournalTip) -> Void,
    durable: @escaping @Sendable (JournalTip) -> Void,
    _ fatal: @escaping @Sendable (JournalFatality) -> Void
  ) {
    self.queue = queue
    self.catalog = catalog
    self.waitNanoseconds = waitNanoseconds
    self.ended = ended
    self.durable = durable
    self.fatal = fatal
  }

  /// Runs until the queue is closed and empty, or a fatality.
  func run(_ writer: JournalWriter) {
    while true {
      let items = nextGroup()
      if items.isEmpty {
        writer.close()
        return
      }
      guard write(items, with: writer) else { return }
    }
  }

  /// Writes what waits, up to one group; for a caller that is its own thread.
  func step(_ writer: JournalWriter) {
    let items = queue.withLock { queue in
      queue.writer = .idle
      return queue.halted ? [] : queue.take()
    }
    if !items.isEmpty { _ = write(items, with: writer) }
  }

  /// Makes one group durable and answers; false after a fatality.
  private func write(_ items: [AppendQueue.Item], with writer: JournalWriter) -> Bool {
    let result =
      if case .group(let group) = items[0].content { writer.write(group) } else {
        writer.write(items.compactMap(\.record))
      }
    switch result {
    case .durable(let first, let last):
      ended(writer.state.tip)
      for (index, item) in items.enumerated() {
        let seq = item.record == nil ? last : CellSeq(first.rawValue + UInt64(index))
        item.completion(.durable(seq))
      }
      durable(writer.state.tip)
    case .cut:
      catalog.withLock { $0.metrics.cutRecords += UInt64(items.count) }
      for item in items { item.completion(.cut) }
    case .refused(let refusal):
      for item in items { item.completion(.refused(refusal)) }
    case .fatal(let fatality):
      queue.withLock { $0.halted = true }
      fatal(fatality)
      writer.close()
      return false
    }
    return true
  }

  /// Waits for the next group; empty when the queue is closed.
  private func nextGroup() -> [AppendQueue.Item] {
    let isReady = queue.wait { queue -> Bool? in
      if queue.items.isEmpty, !queue.isClosing {
        queue.writer = .idle
        return nil
      }
      queue.writer = .collecting
      return queue.isReady
    }
    if !isReady, waitNanoseconds > 0 {
      queue.wait(nanoseconds: waitNanoseconds) { queue in queue.isReady ? () : nil }
    }
    return queue.withLock { queue in
      queue.writer = .busy
      return queue.take()
    }
  }
}
