import Storage
import Wire

/// One cycle's counts, and how they join the report of its mode.
struct StorageCycle {
  /// Fewer acknowledged operations than this prove nothing.
  static let leastAcked = 100

  let books = OutsideBooks()
  var faults: [String: Int] = [:]
  var complaints: [String] = []

  /// Runs until what is not acknowledged yet is: the same keys, on the next process.
  mutating func finish(_ machine: StorageMachine, _ payments: [Payment], seed: UInt64) async {
    let acked = books.acked
    var load = PaymentLoad(machine: machine, books: books, seed: seed)
    load.tries = 3
    await load.run(payments.filter { !acked.contains($0.id) })
    let missing = payments.filter { !books.acked.contains($0.id) }
    if let first = missing.first {
      complaints.append("\(missing.count) payments were refused to the end, first \(first.id)")
    }
  }

  /// Adds this cycle to `report`; each complaint names the cycle.
  func join(_ report: inout ChaosReport, cycle: Int, _ fault: String, _ oracle: StorageOracle) {
    report.cycles += 1
    report.acked += books.acked.count
    report.lost += oracle.lost
    report.duplicated += oracle.duplicated
    report.diverged += oracle.diverged
    for (name, count) in faults { report.faultsHit[name, default: 0] += count }
    var all = complaints + books.complaints + oracle.complaints
    if books.acked.count < Self.leastAcked {
      all.append("only \(books.acked.count) operations were acknowledged")
    }
    if faults.isEmpty { all.append("the fault was not hit") }
    for text in all where report.complaints.count < 50 {
      report.complaints.append("cycle \(cycle) (\(fault)): \(text)")
    }
  }
}
