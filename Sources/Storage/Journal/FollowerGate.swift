import Platform
import Synchronization
import Wire

/// Holds back what is durable here until the followers have it too.
///
/// Everything that follows from a record (COMMIT, reply, send) passes it. What was not acknowledged
/// in time is reported as late, and stays held: only an acknowledgement, or the end of the
/// requirement, makes it true.
public final class FollowerGate: Sendable {
  public struct Configuration: Sendable {
    public var modes = DurabilityModes(cell: .local)
    /// After this time callers hear `outcome_unknown`.
    public var deadlineNanoseconds: UInt64 = 5_000_000_000
    /// Followers whose acknowledgement is asked from the start.
    public var required: Set<String> = []

    public init() {}
  }

  public enum Verdict: Hashable, Sendable {
    /// Durable in its mode.
    case acknowledged
    /// Not in time. ``acknowledgedLate`` may follow.
    case late
    case acknowledgedLate
  }

  private struct Held {
    let seq: CellSeq
    let deadline: UInt64
    var isLate = false
    let release: @Sendable (Verdict) -> Void
  }

  private struct State {
    var local: CellSeq
    var required: Set<String>
    var acked: [String: CellSeq] = [:]
    /// In the order of positions; one per tenant at most.
    var held: [Held] = []
    var isFenced = false
    /// The journal's end at the opening: who was asked then may lack some of it.
    var opened: CellSeq

    /// How far everybody has come who is asked.
    var through: CellSeq {
      if isFenced { return CellSeq(0) }
      return required.map { acked[$0] ?? CellSeq(0) }.min() ?? CellSeq(.max)
    }

    var mark: CellSeq {
      if through < opened { return through }
      return held.first.map { CellSeq($0.seq.rawValue - 1) } ?? local
    }
  }

  private let configuration: Configuration
  private let state: Mutex<State>
  /// The last position that is durable as its tenants' modes ask.
  let mark: Watermark

  init(_ configuration: Configuration, through: CellSeq) {
    self.configuration = configuration
    // What was there at the opening is sent before anybody is served: it is not held here.
    state = Mutex(State(local: through, required: configuration.required, opened: through))
    mark = Watermark(configuration.required.isEmpty ? through.rawValue : 0)
  }

  /// Followers whose acknowledgement is asked.
  public var required: Set<String> { state.withLock { $0.required } }
  public var isFenced: Bool { state.withLock { $0.isFenced } }
  /// Records that wait now, and those of them that are late.
  public var waiting: (all: Int, late: Int) {
    state.withLock { ($0.held.count, $0.held.count(where: \.isLate)) }
  }

  /// How far a follower has acknowledged; nil before it said so.
  public func acknowledged(by follower: String) -> CellSeq? {
    state.withLock { $0.acked[follower] }
  }

  /// Takes a record that is durable here; false where nothing is waited for, and `release` is not
  /// called.
  ///
  /// On the journal's thread, in the order of positions.
  func hold(
    _ tenant: TenantID, at seq: CellSeq, _ release: @escaping @Sendable (Verdict) -> Void
  ) -> Bool {
    let mode = configuration.modes.mode(of: tenant)
    let (isHeld, isFenced) = state.withLock { state -> (Bool, Bool) in
      if !state.isFenced, mode == .local || state.through >= seq { return (false, false) }
      let deadline = MonotonicTime.nanoseconds() + configuration.deadlineNanoseconds
      state.held.append(
        Held(seq: seq, deadline: deadline, isLate: state.isFenced, release: release))
      return (true, state.isFenced)
    }
    if isFenced { release(.late) }
    return isHeld
  }

  /// The journal is durable here up to `local`.
  func groupBecameDurable(through local: CellSeq) {
    let mark = state.withLock { state -> CellSeq in
      state.local = local
      return state.mark
    }
    self.mark.rise(to: mark.rawValue)
  }

  /// A follower has everything up to `seq` on its disk.
  public func acknowledge(_ follower: String, through seq: CellSeq) {
    change { state in state.acked[follower] = max(seq, state.acked[follower] ?? seq) }
  }

  /// Asks these followers from now on, and nobody else.
  ///
  /// The caller has recorded it where it must be recorded first.
  public func require(_ followers: Set<String>) { change { $0.required = followers } }

  /// Nothing is acknowledged here any more: a higher generation has taken over.
  public func fence() {
    let late = state.withLock { state -> [Held] in
      state.isFenced = true
      let late = state.held.filter { !$0.isLate }
      for index in state.held.indices { state.held[index].isLate = true }
      return late
    }
    for held in late { held.release(.late) }
  }

  /// Reports what has waited too long; answers whether anything is late.
  @discardableResult
  public func expire(at now: UInt64 = MonotonicTime.nanoseconds()) -> Bool {
    let (late, isAny) = state.withLock { state -> ([Held], Bool) in
      var late: [Held] = []
      for index in state.held.indices
      where !state.held[index].isLate && state.held[index].deadline <= now {
        state.held[index].isLate = true
        late.append(state.held[index])
      }
      return (late, state.held.contains(where: \.isLate))
    }
    for held in late { held.release(.late) }
    return isAny
  }

  func close() { mark.close() }

  private func change(_ body: (inout State) -> Void) {
    let (released, mark) = state.withLock { state -> ([Held], CellSeq) in
      body(&state)
      let through = state.through
      let count = state.held.prefix { $0.seq <= through }.count
      let released = Array(state.held.prefix(count))
      state.held.removeFirst(count)
      return (released, state.mark)
    }
    for held in released { held.release(held.isLate ? .acknowledgedLate : .acknowledged) }
    self.mark.rise(to: mark.rawValue)
  }
}
