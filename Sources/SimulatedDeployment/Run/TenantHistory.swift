import Storage
import Wire

/// One tenant's records wherever they were written: one for each tenant_seq.
struct TenantHistory {
  private var links: [TenantSeq: ChainLink] = [:]
  private var burned: Set<Epoch> = []
  private var adopted: Set<Epoch> = []
  private var targets: [Epoch: CellID] = [:]

  /// Takes a record in; answers what is wrong with it.
  mutating func add(_ link: ChainLink) -> String? {
    if let known = links[link.seq] {
      return known.hash == link.hash
        ? nil : "record \(link.seq.rawValue) of \(link.tenant) is another one than elsewhere"
    }
    links[link.seq] = link
    if let wrong = timeFalls(at: link) { return wrong }
    if link.kind == .burn { burned.insert(link.epoch) }
    if link.kind == .adopt { adopted.insert(link.epoch) }
    return burned.contains(link.epoch) && adopted.contains(link.epoch)
      ? "epoch \(link.epoch.rawValue) of \(link.tenant) was burned and adopted" : nil
  }

  /// Says where the tenant's time would fall from one record to the next.
  private func timeFalls(at link: ChainLink) -> String? {
    let pairs: [(ChainLink?, ChainLink?)] = [
      (links[TenantSeq(link.seq.rawValue - 1)], link), (link, links[link.seq.next]),
    ]
    for (one, other) in pairs {
      guard let one, let other, other.time < one.time else { continue }
      return "the time of \(link.tenant) falls from record \(one.seq.rawValue) to the next"
    }
    return nil
  }

  /// Whether the epoch was armed for no other cell before.
  mutating func arm(_ epoch: Epoch, for target: CellID) -> Bool {
    if let known = targets[epoch] { return known == target }
    targets[epoch] = target
    return true
  }

  /// The last record up to `seq` that touched the tenant's file.
  func lastTouch(upTo seq: TenantSeq) -> TenantSeq {
    var seq = seq
    while let link = links[seq], !link.touchesFile { seq = TenantSeq(seq.rawValue - 1) }
    return seq
  }
}
