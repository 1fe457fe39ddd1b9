import Logging
import Messaging
import SwiftProtobuf
import Wire

/// Holds the map as it is served, follows the store, and publishes what changed.
///
/// ``refresh()`` reads every change after the version applied last, so that whoever changed the
/// store calls it without saying what; calls may overlap, since entries merge by version.
actor MapService {
  private let store: PlatformStore
  private let sealer: Sealer
  private let logger: Logger
  private var map: ChunkedMap
  private var publisher: (any Publisher)?
  private var heldUntil: ContinuousClock.Instant?

  init(store: PlatformStore, sealer: Sealer, logger: Logger, chunkBytes: Int) {
    self.store = store
    self.sealer = sealer
    self.logger = logger
    map = ChunkedMap(chunkBytes: chunkBytes)
  }

  func publish(through publisher: any Publisher) { self.publisher = publisher }

  /// Gives nobody the map for a while: it comes from a copy, and routers know more.
  ///
  /// Not for ever: a cell that never answers must not keep the others' addresses from them.
  func hold(for time: Duration) { heldUntil = .now + time }

  func endHold() { heldUntil = nil }

  /// Throws `recovering` while the map is held.
  func requireGiven() throws(Failure) {
    guard isHeld else { return }
    throw Failure(
      .recovering, "the map is of a copy, and not every cell has said yet what it holds",
      retryAfterMilliseconds: 1_000)
  }

  private var isHeld: Bool { heldUntil.map { .now < $0 } ?? false }

  /// Brings the map up to the store and publishes the chunks that changed.
  func refresh() async throws(Failure) {
    let applied = map.version
    let (read, sealed) = try await store.read { try $0.mapChanges(after: applied) }
    var changes = read
    for app in sealed {
      do {
        changes.metaApps.append(try sealer.open(app))
      } catch {
        // Sealed under another key: its webhooks are refused, everything else goes on.
        logger.error(
          "a Meta app's secrets cannot be opened with this key file",
          metadata: ["meta_app": .string(app.id.rawValue)])
      }
    }
    let changed = map.apply(changes)
    guard !changed.isEmpty, !isHeld, let publisher else { return }
    var rest = changed[...]
    while !rest.isEmpty {
      let page = map.page(Array(rest))
      rest = rest.dropFirst(max(page.chunks.count, 1))
      guard let bytes: [UInt8] = try? page.serializedBytes() else { continue }
      await publisher.publish(.map, bytes)
    }
  }

  var manifest: Aimstors_ProtoMapManifest { map.manifest }
  func page(_ indices: [Int]) -> Aimstors_ProtoMapPage { map.page(indices) }

  var version: UInt64 { map.version }
  var summary: (version: UInt64, chunks: Int, entries: Int) {
    (map.version, map.chunkCount, map.entryCount)
  }

  // MARK: Look-ups by the control plane itself

  func tenant(_ id: TenantID) -> TenantRecord? {
    guard case .tenant(let tenant) = map.entry(.tenant(id)) else { return nil }
    return tenant
  }

  /// Who holds a key now.
  func holder(_ kind: ClaimKind, _ key: String) -> TenantID? {
    guard case .claim(let claim) = map.entry(.claim(kind.rawValue, key)), !claim.isReleased else {
      return nil
    }
    return claim.tenant
  }
}
