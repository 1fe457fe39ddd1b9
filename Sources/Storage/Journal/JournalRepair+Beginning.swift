import Wire

extension JournalRepair {
  /// What is lost with segments that are missing before the first one, or with a table of heads
  /// that cannot be read; its bytes are saved first.
  func examine(beginning range: DamagedRange) throws -> JournalRepairReport.Range {
    let (sideFile, removed) = try save(range)
    let tenants = Set(applied.keys).union(survey.heads.keys)
    return JournalRepairReport.Range(
      damage: DamageReport(range), sideFile: sideFile, removedBytes: UInt64(removed.count),
      removedSHA256: SHA256Hash.of(removed).description,
      losses: tenants.sorted().compactMap { loss(of: $0, in: range) },
      // Who has neither files nor a record is named by nothing.
      othersPossible: survey.isMissing(range))
  }

  /// What one tenant lost there; nil: nothing that shows.
  private func loss(
    of tenant: TenantID, in range: DamagedRange
  ) -> JournalRepairReport.Loss? {
    // Of a tenant that left there are no files to compare with.
    guard survey.heads[tenant]?.ownership.isHere != false,
      !survey.isRenewed(tenant, behind: range)
    else { return nil }
    let have = applied[tenant]?.highest ?? .zero
    let (kept, next) = survey.ends(of: tenant)
    let from: TenantSeq
    let through: TenantSeq
    if let next {
      from = max(have, kept ?? .zero).next
      guard next > from else { return nil }
      through = TenantSeq(next.rawValue - 1)
    } else {
      guard have > (kept ?? .zero) else { return nil }
      // Without a head nothing of it is known to be gone but where it stands.
      from = (kept ?? have).next
      through = have
    }
    return JournalRepairReport.Loss(
      tenant: tenant, lostFrom: from, lostThrough: through, voidRecords: 0, needsRestore: true)
  }
}
