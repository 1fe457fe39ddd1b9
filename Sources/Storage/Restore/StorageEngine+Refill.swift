import Platform
import Wire

/// A follower's tenants whose files are not those of its journal: restored at the primary, damaged
/// here, or cut away. They come from the archive, the records behind them from the journal.
extension StorageEngine {
  /// The tenants that are stopped until their files are exchanged, with where their journal ends.
  public var stoppedTenants: [TenantID: TenantHead] {
    let heads = heads
    var stopped: [TenantID: TenantHead] = [:]
    for problem in problems where problem.code == "tenant_stopped" {
      if let tenant = problem.tenant { stopped[tenant] = heads[tenant] }
    }
    return stopped
  }

  /// Puts the durable files in ``preparedDirectory(_:_:)`` in the place of a stopped tenant's, and
  /// has it catch up from the journal.
  ///
  /// `head` is what the files were prepared for. Throws `conflict` where the tenant is in another
  /// branch by now, or is not stopped.
  public func refill(_ tenant: TenantID, _ head: TenantHead) throws(Failure) {
    precondition(configuration.isFollowing, "a primary's tenant is swapped in by a record")
    let context = try running().context
    let old = try writer(tenant)
    guard let now = context.heads[tenant], now.lineage == head.lineage else {
      throw Failure(.conflict, "the tenant is in another branch by now")
    }
    guard old.problem?.mayPass == false else {
      throw Failure(.conflict, "the tenant is not stopped")
    }
    old.closeStopped()
    do throws(FileError) {
      try Self.moveIntoPlace(tenant, head.lineage, configuration.directory, files)
    } catch {
      throw Failure(.diskFull, "the files were not moved: \(error)", retryAfterMilliseconds: 1_000)
    }
    let writer = TenantWriter(tenant: tenant, context: context, schema: index(tenant), head: now)
    // Nobody may use it before it has what the journal holds behind the files.
    writer.withCore { $0.lack = .records }
    writer.stop(Obstacle("its files came from the archive; it catches up", mayPass: true))
    context.problems.resolve("tenant_stopped", tenant)
    life.withLock { life in
      guard case .running(var running) = life else { return }
      running.writers[tenant] = writer
      life = .running(running)
    }
  }
}

extension TenantWriter {
  /// Closes a stopped tenant's files: they are about to be exchanged.
  func closeStopped() {
    readers.close()
    withCore { $0.closeFiles() }
  }
}
