/// Which call holds which slot of one peer, and which calls wait for one; pure.
///
/// Invariants:
/// - a call leaves the table exactly once: with its outcome, its deadline or a failure, whichever
///   comes first. Whoever receives it from the table resumes it; nobody else may;
/// - a slot is given to a next call only after the transport has reported the end of the last one
///   *and* every abort of it has returned: a late abort can never hit the next call.
package struct CallTable<Call: Sendable>: Sendable {
  package typealias Instant = ContinuousClock.Instant

  /// A call and the moment after which nobody waits for it.
  package struct Timed: Sendable {
    package let call: Call
    let deadline: Instant
    /// When the call gives up waiting for a connection.
    let connectBy: Instant

    package init(call: Call, deadline: Instant, connectBy: Instant) {
      self.call = call
      self.deadline = deadline
      self.connectBy = connectBy
    }
  }

  package enum Submission {
    /// Start it in this slot now.
    case start(slot: Int)
    /// It waits for a slot or for the connection.
    case waiting
    /// Slots and queue are full; the call was not taken.
    case saturated
  }

  /// A call that begins now.
  package struct Start {
    package let slot: Int
    package let timed: Timed
  }

  private struct Slot: Sendable {
    /// Nil where the call has been answered before its transport ended.
    var timed: Timed?
    /// The transport has not reported the end.
    var isRunning = false
    /// Aborts under way.
    var aborts = 0
  }

  private let waitingLimit: Int
  private var slots: [Slot]
  private var free: [Int]
  private var queue = Ring<Timed>()
  package private(set) var isConnected = false

  package init(slots count: Int, waiting: Int) {
    slots = Array(repeating: Slot(), count: count)
    free = Array((0..<count).reversed())
    waitingLimit = waiting
  }

  var inFlight: Int { slots.count - free.count }
  var waiting: Int { queue.count }
  var hasCalls: Bool { inFlight > 0 || waiting > 0 }

  package mutating func submit(_ timed: Timed) -> Submission {
    if isConnected, queue.isEmpty, let slot = free.popLast() {
      occupy(slot, with: timed)
      return .start(slot: slot)
    }
    guard queue.count < waitingLimit else { return .saturated }
    queue.append(timed)
    return .waiting
  }

  /// The transport has ended what ran in `slot`.
  ///
  /// Answers its call, unless that was answered before, and what begins in its place.
  package mutating func finished(_ slot: Int) -> (call: Call?, next: Start?) {
    precondition(slots[slot].isRunning, "a slot ended twice")
    slots[slot].isRunning = false
    let call = slots[slot].timed?.call
    slots[slot].timed = nil
    return (call, reuse(slot))
  }

  /// An abort of `slot` has returned.
  package mutating func aborted(_ slot: Int) -> Start? {
    precondition(slots[slot].aborts > 0, "an abort ended twice")
    slots[slot].aborts -= 1
    return slots[slot].isRunning ? nil : reuse(slot)
  }

  /// The connection stands: what waited begins.
  package mutating func connected() -> [Start] {
    isConnected = true
    var starts: [Start] = []
    while !free.isEmpty, !queue.isEmpty {
      if let slot = free.popLast(), let timed = queue.popFirst() {
        occupy(slot, with: timed)
        starts.append(Start(slot: slot, timed: timed))
      }
    }
    return starts
  }

  /// The connection ended: every running slot is to be aborted, and each call is answered when the
  /// transport then says whether it had been sent.
  package mutating func disconnected() -> [Int] {
    isConnected = false
    return slots.indices.filter { slots[$0].isRunning }.map { abort($0) }
  }

  /// Calls whose time is over.
  ///
  /// Those in `aborts` still run: abort them, then say ``aborted(_:)``.
  package mutating func expire(at now: Instant) -> (
    late: [Call], unconnected: [Call], aborts: [Int]
  ) {
    var late: [Call] = []
    var aborts: [Int] = []
    for slot in slots.indices {
      guard let timed = slots[slot].timed, timed.deadline <= now else { continue }
      late.append(timed.call)
      slots[slot].timed = nil
      aborts.append(abort(slot))
    }
    guard !queue.isEmpty else { return (late, [], aborts) }
    late += queue.removeAll { $0.deadline <= now }.map(\.call)
    let unconnected = isConnected ? [] : queue.removeAll { $0.connectBy <= now }.map(\.call)
    return (late, unconnected, aborts)
  }

  /// Takes every call out, for closing.
  ///
  /// The slots never start another.
  mutating func close() -> [Call] {
    isConnected = false
    var calls = queue.removeAll { _ in true }.map(\.call)
    for slot in slots.indices {
      if let timed = slots[slot].timed { calls.append(timed.call) }
      slots[slot].timed = nil
    }
    return calls
  }

  private mutating func occupy(_ slot: Int, with timed: Timed) {
    slots[slot].timed = timed
    slots[slot].isRunning = true
  }

  private mutating func abort(_ slot: Int) -> Int {
    slots[slot].aborts += 1
    return slot
  }

  private mutating func reuse(_ slot: Int) -> Start? {
    guard slots[slot].aborts == 0 else { return nil }
    guard isConnected, let timed = queue.popFirst() else {
      free.append(slot)
      return nil
    }
    occupy(slot, with: timed)
    return Start(slot: slot, timed: timed)
  }
}
