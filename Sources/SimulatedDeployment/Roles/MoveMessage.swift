import Storage
import Wire

/// What a move's source tells its target.
enum MoveMessage {
  case copy(TenantCopy)
  /// Records that became durable at the source, in order.
  case records(Epoch, [StreamedRecord])
  /// This is all there is: be ready for it.
  case fence(Epoch, MoveFence)
  case release(MoveRelease)
  case burned(Epoch)

  var name: String {
    switch self {
    case .copy(let copy): "copy \(copy.epoch.rawValue) at \(copy.place.seq.rawValue)"
    case .records(let epoch, let records):
      "records \(epoch.rawValue) " + records.map { "\($0.seq.rawValue)" }.joined(separator: ",")
    case .fence(let epoch, let fence): "fence \(epoch.rawValue) at \(fence.tenantSeq.rawValue)"
    case .release(let release): "release \(release.epoch.rawValue)"
    case .burned(let epoch): "burned \(epoch.rawValue)"
    }
  }
}

/// What a move's target tells its source.
enum MoveReply {
  /// Everything up to this record is durable here.
  case has(Epoch, TenantSeq)
  case ready(Epoch, SHA256Hash)
  case adopted(Epoch)
  case refused(Epoch)
  /// What became of the move?
  case asks(Epoch)

  var name: String {
    switch self {
    case .has(let epoch, let seq): "has \(epoch.rawValue) up to \(seq.rawValue)"
    case .ready(let epoch, _): "ready \(epoch.rawValue)"
    case .adopted(let epoch): "adopted \(epoch.rawValue)"
    case .refused(let epoch): "refused \(epoch.rawValue)"
    case .asks(let epoch): "asks about \(epoch.rawValue)"
    }
  }
}

/// How a move ended, for the control plane.
enum MoveEnd {
  case adopted, burned
}

/// A tenant's rows as they were at one durable record.
struct TenantCopy {
  let epoch: Epoch
  /// The last record whose rows these are.
  let place: SimulatedStore.Place
  let rows: [RowChange]
  /// The last record that touched the rows.
  let applied: TenantSeq
  let digest: UInt128

  /// The image that the rows make, by a full scan.
  var image: TenantImage {
    var image = TenantImage()
    image.commit(rows, at: applied)
    return image
  }
}

/// A durable record on its way to another cell.
struct StreamedRecord {
  let record: SealedRecord
  let changes: [RowChange]
  /// The image's digest after it.
  let digest: UInt128

  var seq: TenantSeq { record.identity.tenantSeq }
}
