import Foundation
import Platform
import Storage
import Wire

/// Reads the journals of all cells beside each other: who wrote for a tenant under which epoch, and
/// whether its records are one chain; and looks for files that belong to nobody.
struct MoveOracle {
  static let quietSeconds = 60

  let system: any AttackedSystem
  let tenants: [ChaosTenant]
  /// The processes whose journals count; nil: all that run as cells.
  var replicas: [String]?

  private typealias Record = JournalInspection.Record

  /// Judges once what was under way has ended.
  func judgeWhenQuiet(into report: inout ChaosReport) async throws {
    let deadline = ContinuousClock.now + .seconds(Self.quietSeconds)
    var found = ChaosReport()
    while true {
      found = ChaosReport()
      try judge(into: &found)
      guard found.orphans != 0, found.diverged == 0, ContinuousClock.now < deadline else { break }
      try await Task.sleep(for: .milliseconds(100))
    }
    report.diverged += found.diverged
    for complaint in found.complaints { report.complain(complaint) }
    report.ownersMax = max(report.ownersMax ?? 1, found.ownersMax ?? 1)
    report.orphans = found.orphans
  }

  func judge(into report: inout ChaosReport) throws {
    let cells = try system.members().filter {
      replicas?.contains($0.id) ?? ($0.role == "cell")
    }
    var records: [String: [Record]] = [:]
    for cell in cells { records[cell.id] = try read(cell) }
    var most = 1
    for tenant in tenants {
      var owners: [Epoch: Set<String>] = [:]
      var hashes: [TenantSeq: Set<String>] = [:]
      for (cell, all) in records {
        for record in Self.own(all.filter { $0.tenant.rawValue == tenant.id }) {
          owners[record.epoch, default: []].insert(cell)
          hashes[record.tenantSeq, default: []].insert(record.hash)
        }
      }
      let several = owners.filter { $0.value.count > 1 }
      most = max(most, owners.values.map(\.count).max() ?? 1)
      if let (epoch, cells) = several.first {
        report.diverged += 1
        report.complaints.append(
          "\(tenant.name): \(cells.sorted().joined(separator: " and ")) wrote under epoch "
            + "\(epoch.rawValue)")
      }
      if let (seq, _) = hashes.first(where: { $0.value.count > 1 }) {
        report.diverged += 1
        report.complaints.append("\(tenant.name): two records have tenant_seq \(seq.rawValue)")
      }
    }
    report.ownersMax = max(report.ownersMax ?? 1, most)
    report.orphans = try orphans(cells, &report)
  }

  private func read(_ cell: SystemUnderAttack.Member) throws -> [Record] {
    try JournalInspection.run(
      directory: cell.dataDirectory + "/journal", files: LiveFileSystem(), detail: .records,
      limit: .max
    ).groups.flatMap(\.records)
  }

  /// The records that a cell wrote as the tenant's owner: not those that it imported.
  private static func own(_ records: [Record]) -> [Record] {
    var result: [Record] = []
    var isImporting = false
    for record in records {
      switch record.kind {
      case "import": isImporting = true
      case "adopt":
        isImporting = false
        result.append(record)
      case "refuse": break
      // A move's epoch is armed, not owned; what it says of the chain counts all the same.
      case "begin", "burn", "release", "ready": break
      default: if !isImporting { result.append(record) }
      }
    }
    return result
  }

  /// Directories of tenants that are nobody's: in two cells, or left on their way.
  private func orphans(
    _ cells: [SystemUnderAttack.Member], _ report: inout ChaosReport
  ) throws -> Int {
    var count = 0
    func names(_ path: String) -> [String] {
      (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }
    var places: [String: [String]] = [:]
    for cell in cells {
      for place in ["imports", "moving"] {
        for name in names("\(cell.dataDirectory)/\(place)") {
          count += 1
          report.complaints.append("\(cell.id): \(place)/\(name) is nobody's")
        }
      }
      for name in names("\(cell.dataDirectory)/tenants") {
        places[name, default: []].append(cell.id)
      }
    }
    for tenant in tenants where places[tenant.id]?.count != 1 {
      count += 1
      report.complaints.append(
        "\(tenant.name) has files in \(places[tenant.id]?.sorted() ?? [])")
    }
    return count
  }
}
