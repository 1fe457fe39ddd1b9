import Platform
import Storage
import Wire

extension Replication {
  /// A follower that a record of the tenant would wait for, now, longer than `limit`; nil where
  /// none is asked for this tenant, or each is prompt.
  func lateFollower(of tenant: TenantID, in journal: Journal, limit: Duration) async -> String? {
    guard waitsForFollowers(tenant) else { return nil }
    for link in links where journal.gate.required.contains(link.name) {
      guard await link.isPrompt(journal, within: limit) else { return link.name }
    }
    return nil
  }
}

extension FollowerLink {
  /// Whether the follower answers, and has acknowledged what is in the journal now, within `limit`.
  ///
  /// It may have acknowledged the last record long ago and stand still since: so it is asked, too.
  package func isPrompt(_ journal: Journal, within limit: Duration) async -> Bool {
    let (seq, end) = (journal.lastSeq, ContinuousClock.now + limit)
    guard await hello(timeout: limit) != nil else { return false }
    while journal.gate.acknowledged(by: name).map({ $0 < seq }) ?? true {
      guard ContinuousClock.now < end,
        (try? await Task.sleep(for: ReplicationLimits.promptLook)) != nil
      else { return false }
    }
    return true
  }
}
