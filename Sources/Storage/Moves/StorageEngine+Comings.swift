import Platform
import Wire

/// Who is on the way here, who has left, and what is still here of them.
extension StorageEngine {
  /// Tenants that are on their way here, with the cell that they come from.
  public var arriving: [(tenant: TenantID, head: TenantHead)] {
    (overview?.arriving ?? [:]).map { ($0.key, $0.value) }
  }

  /// Tenants that this cell released and still has the files of.
  public var departing: [(tenant: TenantID, head: TenantHead)] {
    heads.filter { tenant, head in
      head.ownership == .released && ((try? imports.isPlaced(tenant)) ?? true)
    }.map { ($0.key, $0.value) }
  }

  /// Puts the files of a released tenant aside: its target has adopted it.
  public func depart(_ tenant: TenantID) throws(Failure) {
    let context = try running().context
    guard let head = context.heads[tenant], head.ownership == .released else { return }
    do throws(FileError) { try imports.depart(tenant, head.armed) } catch {
      throw Failure(.diskFull, "the files of a tenant that left stay where they are: \(error)")
    }
    context.heads.flushed(tenant, through: head.cellSeq)
  }

  /// Tenants whose files were put aside, with the epoch that they left under.
  public var departed: [(tenant: TenantID, epoch: Epoch)] { (try? imports.departures()) ?? [] }

  /// Removes files that were put aside.
  public func removeDeparted(_ tenant: TenantID, _ epoch: Epoch) {
    try? imports.removeDeparted(tenant, epoch)
  }
}
