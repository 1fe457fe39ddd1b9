import Platform
import Wire

/// A follower's part in a move into its cell: the primary passes the files on before its journal
/// says that they are the tenant's.
extension StorageEngine {
  /// What a follower has of the files that a move's `import` record speaks of.
  public enum FollowedImport: String, Sendable {
    /// The journal does not say it yet here, or it is not applied.
    case waiting
    /// In their place, and those that the record names.
    case placed
    /// They are not here: the tenant is stopped.
    case missing
  }

  /// An empty directory for files that the primary passes on.
  ///
  /// Throws `tenantStopped` where the tenant is in quarantine here, and `diskFull`.
  public func prepareFollowed(_ tenant: TenantID, under epoch: Epoch) throws(Failure) {
    try demandUnquarantined(tenant)
    do throws(FileError) { try imports.begin(tenant, epoch, isAlone: false) } catch {
      throw Failure(.diskFull, "no room for the tenant's files: \(error)")
    }
  }

  /// Removes what was passed on of a move that does not come; what is in its place stays.
  public func discardFollowed(_ tenant: TenantID, under epoch: Epoch) {
    try? imports.discard(tenant, epoch)
  }

  /// Where the files of a move stand here; asked while nothing is streamed behind them.
  public func followedImport(_ tenant: TenantID, under epoch: Epoch) -> FollowedImport {
    guard let head = heads[tenant], head.armed == epoch, head.ownership != .refused,
      let writer = try? writer(tenant), (applied?.seq ?? CellSeq(0)) >= head.cellSeq
    else { return .waiting }
    if let problem = writer.problem { return problem.mayPass ? .waiting : .missing }
    return (try? imports.isPlaced(tenant)) == true ? .placed : .missing
  }

  /// Puts passed-on files in their place, as an `import` record says; answers who applies what
  /// follows.
  ///
  /// The record itself is applied next, and stops the tenant where the files are not the ones.
  func takeImported(
    _ tenant: TenantID, under epoch: Epoch, _ head: TenantHead, _ context: EngineContext
  ) -> TenantWriter {
    endFiles(of: tenant, context)
    let writer = addWriter(tenant, head, context)
    do throws(FileError) { try imports.install(tenant, epoch) } catch {
      writer.stop("the files that came with a move could not be put in their place: \(error)")
    }
    return writer
  }

  /// Removes a refused tenant's files, as the primary has.
  func discardRefused(
    _ tenant: TenantID, under epoch: Epoch, _ head: TenantHead, _ context: EngineContext
  ) {
    endFiles(of: tenant, context)
    addWriter(tenant, head, context).leave()
    do throws(FileError) {
      try imports.discard(tenant, epoch)
      try imports.removePlaced(tenant)
    } catch {
      log.error("refused files stay until a restart", metadata: ["error": "\(error)"])
    }
    context.heads.flushed(tenant, through: head.cellSeq)
  }

  /// Closes the tenant's files, also those of a stopped one: they are about to be others.
  private func endFiles(of tenant: TenantID, _ context: EngineContext) {
    if let old = try? writer(tenant) {
      old.leave()
      old.closeStopped()
    }
    context.stalled.remove(tenant)
    context.problems.resolve("tenant_stopped", tenant)
    context.problems.resolve("tenant_stalled", tenant)
  }
}
