import Logging
import Messaging
import Platform
import Storage
import Wire

/// Passes on the webhook parts that a replaced primary had acknowledged to Meta and kept for their
/// owners, and that its successor never got.
///
/// Whoever has taken over stores a part once, however often it comes; its owner takes it once too.
public struct DivergentSpool: Sendable {
  private let dataDirectory: String
  private let peers: [any Peer]
  private let files: any FileSystem
  private let logger: Logger
  /// Between two tries at all of them.
  private let pause: Duration

  /// `peers` are the cell's other replicas: one of them is the primary.
  public init(
    dataDirectory: String, peers: [any Peer], files: any FileSystem, logger: Logger,
    pause: Duration = CellLimits.joinRetryMaximum
  ) {
    self.pause = pause
    self.dataDirectory = dataDirectory
    self.peers = peers
    self.files = files
    self.logger = logger
  }

  /// Returns once everything is passed on, or the task is cancelled; what cannot be read is said,
  /// and left.
  public func run() async {
    let (directory, files) = (dataDirectory, files)
    let found = await Blocking.run("spool") {
      try DivergentFile.open(dataDirectory: directory, files)
    }
    do {
      for file in try found.get() { try await drain(file) }
    } catch is CancellationError {
    } catch {
      logger.error(
        "what another replica's spool lacks cannot be passed on",
        metadata: ["error": "\(error)"])
    }
  }

  private func drain(_ file: DivergentFile) async throws {
    let scratch = "\(dataDirectory)/divergent"
    var after = RowID(0)
    var count = 0
    while true {
      let last = after
      let parts = try await Blocking.run("spool") {
        try file.rows(of: .cellStore, .spool, in: CellStoreSchema.schema, scratch: scratch) {
          try SpoolStore(connection: $0).list(
            after: last, limit: Spool.pageLimit, bytes: Spool.pageBytes)
        }
      }.get()
      guard let end = parts.last else { break }
      for part in parts { try await passOn(try Spool.message(part)) }
      count += parts.count
      after = end.id
    }
    try await Blocking.run("spool") { try file.markDrained() }.get()
    guard count > 0 else { return }
    logger.notice(
      "webhook parts that only this replica had are passed on",
      metadata: ["parts": "\(count)", "file": "\(file.name)"])
  }

  /// Asks one after the other until the primary among them has it.
  private func passOn(_ part: Aimstors_ProtoSpoolPart) async throws {
    let bytes: [UInt8] = try part.serializedBytes()
    while true {
      for peer in peers {
        try Task.checkCancellation()
        let answer = try? await peer.request(
          .spoolStore, bytes, timeout: CellLimits.controlPlaneTimeout, traceID: "")
        if answer != nil { return }
      }
      try await Task.sleep(for: pause)
    }
  }
}
