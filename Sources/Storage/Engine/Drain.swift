import Synchronization
import Wire

/// Waits until busy tenants have answered what they admitted, or cannot any more.
enum Drain {
  /// Commands of a tenant run in order: where one more is answered, those before it are.
  static func wait(for writers: [TenantWriter], orUntil fatality: Fatality) async {
    await withUnsafeContinuation { (caller: UnsafeContinuation<Void, Never>) in
      // One more than there are: nobody is resumed before all have been asked.
      let count = Count(writers.count + 1) { caller.resume() }
      fatality.then { count.end() }
      for writer in writers { writer.submit(LastCommand { count.one() }) }
      count.one()
    }
  }

  private final class Count: Sendable {
    /// Nil once `ended` was called.
    private let left: Mutex<Int?>
    private let ended: @Sendable () -> Void

    init(_ count: Int, ended: @escaping @Sendable () -> Void) {
      left = Mutex(count)
      self.ended = ended
    }

    func one() { take { $0 - 1 } }
    func end() { take { _ in 0 } }

    private func take(_ change: (Int) -> Int) {
      let isEnd = left.withLock { left -> Bool in
        guard let before = left else { return false }
        let after = change(before)
        left = after > 0 ? after : nil
        return after <= 0
      }
      if isEnd { ended() }
    }
  }

  /// Changes nothing, and says when its turn has come or gone.
  private final class LastCommand: Command {
    let origin = CommandOrigin(requestID: "close", traceID: "")
    let bytes = 0
    private let replied: @Sendable () -> Void

    init(_ replied: @escaping @Sendable () -> Void) { self.replied = replied }

    func execute(_ transaction: Transaction, _ core: TenantCore) -> Bool { true }
    func refuse(_ failure: Failure) {}
    func reply() { replied() }
  }
}
