import Platform
import Storage
import Wire

/// Looks at the replicas of one cell beside each other: who serves, and whether they hold one
/// journal.
struct ReplicaOracle {
  /// How long a replaced primary may take to notice, to cut what it wrote, and to follow.
  static let settleSeconds = 60

  let system: SystemUnderAttack
  let replicas: [String]

  /// Waits until one of them serves and the others follow, with the same records; says where that
  /// does not come.
  func judge(into report: inout ChaosReport) async throws {
    let deadline = ContinuousClock.now + .seconds(Self.settleSeconds)
    var (serving, doubled) = ([String](), [UInt64]())
    repeat {
      serving = await servers()
      doubled = serving.count == 1 ? try differing() : []
      if serving.count == 1, doubled.isEmpty {
        report.ownersMax = max(report.ownersMax ?? 1, 1)
        return
      }
      try await Task.sleep(for: .milliseconds(200))
    } while ContinuousClock.now < deadline
    report.diverged += 1
    report.ownersMax = max(report.ownersMax ?? 1, max(serving.count, doubled.isEmpty ? 0 : 2))
    if serving.count != 1 {
      report.complain("the cell is served by \(serving.isEmpty ? "nobody" : "\(serving)")")
    }
    if let first = doubled.first {
      report.complain("two records stand at cell_seq \(first) of the replicas' journals")
    }
  }

  private func servers() async -> [String] {
    var serving: [String] = []
    for replica in replicas {
      guard let member = try? system.member(replica),
        let health = try? await SystemClient.once(
          "GET", member.healthURL + "/healthz", nil, nil, nil, nil),
        health.answer["role"]?.string == "cell", await SystemClient.isReady(member.healthURL)
      else { continue }
      serving.append(replica)
    }
    return serving
  }

  /// First positions of groups that differ between the journals, where both have them.
  private func differing() throws -> [UInt64] {
    var hashes: [UInt64: Set<String>] = [:]
    for replica in replicas {
      let journal = try JournalInspection.run(
        directory: try system.member(replica).dataDirectory + "/journal", files: LiveFileSystem(),
        detail: .groups, limit: .max)
      // Others, such as seals, hold no record and stand at the next one's position.
      for group in journal.groups where group.kind == "records" {
        hashes[group.firstSeq.rawValue, default: []].insert(group.hash)
      }
    }
    return hashes.filter { $0.value.count > 1 }.map(\.key).sorted()
  }
}
