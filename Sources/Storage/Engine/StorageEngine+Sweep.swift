import Logging
import Wire

extension StorageEngine {
  /// Compares when a tenant has work to do, as its files say now, with what its last record said
  /// and with the index: the daily sweep of one tenant.
  ///
  /// A difference is a problem, `due_index_differs`, until a later sweep finds none; from here on
  /// the tenant is announced at the earlier time, so that nothing waits for a repair. Answers
  /// whether all agreed.
  @discardableResult
  public func sweepDue(_ tenant: TenantID) async throws(Failure) -> Bool {
    let context = try running().context
    let origin = CommandOrigin(requestID: "sweep", traceID: "")
    return try await submit(tenant, origin) { transaction, core in
      // What commands before this one in its batch have changed is in the files, and in no record
      // yet: nothing can be said then. A tenant that has just written is swept again soon.
      guard core.encoder.commandBytes == 0 else { return true }
      // Both are of one tenant_seq, but not of one moment: work without a time of its own is due
      // "now", which was earlier when the record was made. Whatever is over means "at once".
      func ahead(_ time: Timestamp) -> Timestamp { max(time, transaction.now) }
      let found = try core.schema.nextDue.compactMap { try $0(transaction) }.min().map(ahead)
      let recorded = core.head.nextDue.map(ahead)
      // After it was announced the index holds a later time than the record, never none.
      let isIndexed = recorded == nil || context.due.next(of: tenant) != nil
      guard found != recorded || !isIndexed else {
        context.problems.resolve("due_index_differs", tenant)
        // An announcement too many costs a look; what an earlier sweep put there has been done.
        if recorded == nil { context.due.set(tenant, nil) }
        return true
      }
      func text(_ time: Timestamp?) -> String { time?.rfc3339 ?? "never" }
      let detail =
        "at tenant_seq \(core.head.tenantSeq.rawValue) the files say \(text(found)), "
        + "the last record \(text(core.head.nextDue)), "
        + "the index \(text(context.due.next(of: tenant)))"
      context.log.error(
        "the due index differs", metadata: ["tenant": "\(tenant)", "detail": "\(detail)"])
      context.problems.add(.dueIndexDiffers(tenant, detail: detail, since: context.now))
      context.due.set(tenant, [found, recorded].compactMap { $0 }.min())
      return false
    }
  }
}
