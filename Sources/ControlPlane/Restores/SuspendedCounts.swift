import Platform
import Synchronization
import Wire

/// One count of what waits in several cells, each of which is asked until it has said it.
struct SuspendedCount: Sendable {
  /// What one question came to.
  enum Answer: Sendable {
    case said(String)
    case running
    /// It is away or busy: another question may be answered.
    case passing
    /// It does not say it.
    case never
  }

  private let cells: [CellID]
  private var answers: [CellID: String] = [:]
  fileprivate let beganNanoseconds: UInt64
  /// When a cell was at it last.
  fileprivate private(set) var heardNanoseconds: UInt64

  init(of cells: [CellID], at now: UInt64) {
    self.cells = cells
    (beganNanoseconds, heardNanoseconds) = (now, now)
  }

  /// Who has not answered.
  var open: [CellID] { cells.filter { answers[$0] == nil } }
  var isOver: Bool { open.isEmpty }

  /// What was said so far; who has said nothing is named.
  var sends: SuspendedSends {
    var sends = SuspendedSends()
    for cell in cells { sends.add(answers[cell] ?? "", of: cell) }
    return sends
  }

  mutating func take(_ answer: Answer, of cell: CellID, at now: UInt64) {
    switch answer {
    case .said(let text): answers[cell] = text
    case .never: answers[cell] = ""
    case .running: heardNanoseconds = now
    case .passing: break
    }
  }
}

/// Counts that operations end with, from round to round, in memory: after a restart of the control
/// plane they begin anew.
final class SuspendedCounts: Sendable {
  private let boot: any BootClock
  private let counts = Mutex<[OperationID: SuspendedCount]>([:])

  init(boot: any BootClock) { self.boot = boot }

  var now: UInt64 { boot.nanoseconds() }

  /// How far an operation's has come.
  func count(of operation: OperationID, in cells: [CellID]) -> SuspendedCount {
    let now = now
    return counts.withLock { counts in
      // An operation that ended otherwise comes no more.
      counts = counts.filter {
        now < $0.value.beganNanoseconds + 2 * ControlPlaneLimits.countLongestNanoseconds
      }
      return counts[operation] ?? SuspendedCount(of: cells, at: now)
    }
  }

  func keep(_ count: SuspendedCount, of operation: OperationID) {
    counts.withLock { $0[operation] = count }
  }

  func forget(_ operation: OperationID) { counts.withLock { $0[operation] = nil } }

  /// Whether the operation ends without those who have not answered.
  func isLate(_ count: SuspendedCount) -> Bool {
    let now = now
    return now >= count.heardNanoseconds + ControlPlaneLimits.countPatienceNanoseconds
      || now >= count.beganNanoseconds + ControlPlaneLimits.countLongestNanoseconds
  }
}
