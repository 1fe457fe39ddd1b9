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
  /// What is older is left, and named: what it says of opting in or of accounts may have been
  /// overtaken long ago.
  static let oldestMilliseconds: Int64 = 7 * 86_400_000
  /// What is read of one file at once.
  private static let readBytes = 64 << 20
  private static let readParts = 100_000

  private let dataDirectory: String
  private let deliver: @Sendable (Aimstors_ProtoSpoolPart) async throws -> Void
  private let files: any FileSystem
  private let clock: any WallClock
  private let logger: Logger

  /// `deliver` returns once the cell's primary has the part.
  public init(
    dataDirectory: String, files: any FileSystem, clock: any WallClock, logger: Logger,
    deliver: @escaping @Sendable (Aimstors_ProtoSpoolPart) async throws -> Void
  ) {
    self.dataDirectory = dataDirectory
    self.files = files
    self.clock = clock
    self.logger = logger
    self.deliver = deliver
  }

  /// Asks the cell's other replicas one after the other until the primary among them has it.
  public static func toPrimary(
    among peers: [any Peer], pause: Duration = CellLimits.joinRetryMaximum
  ) -> @Sendable (Aimstors_ProtoSpoolPart) async throws -> Void {
    { part in
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

  /// Returns once everything is passed on, or the task is cancelled; what cannot be read is said,
  /// and left for the next start.
  public func run() async {
    let (directory, files) = (dataDirectory, files)
    let found = await Blocking.run("spool") {
      try DivergentFile.open(dataDirectory: directory, files)
    }
    do {
      for file in try found.get() where !Task.isCancelled { await attempt(file) }
    } catch {
      say(error, of: "journal")
    }
  }

  private func attempt(_ file: DivergentFile) async {
    do { try await drain(file) } catch is CancellationError {} catch { say(error, of: file.name) }
  }

  private func say(_ error: any Error, of file: String) {
    logger.error(
      "what another replica's spool lacks cannot be passed on",
      metadata: ["file": "\(file)", "error": "\(error)"])
  }

  private func drain(_ file: DivergentFile) async throws {
    let scratch = "\(dataDirectory)/\(file.name)"
    let oldest = clock.milliseconds() - Self.oldestMilliseconds
    var after = RowID(0)
    var (passed, old, broken) = (0, 0, 0)
    while true {
      let last = after
      let parts = try await Blocking.run("spool", as: .background) {
        try file.rows(of: .cellStore, .spool, in: CellStoreSchema.schema, scratch: scratch) {
          try SpoolStore(connection: $0).list(
            after: last, limit: Self.readParts, bytes: Self.readBytes)
        }
      }.get()
      guard let end = parts.last else { break }
      for part in parts {
        if part.receivedAt.milliseconds < oldest {
          old += 1
        } else if Spool.isWhole(part) {
          try await deliver(try Spool.message(part))
          passed += 1
        } else {
          // Its beginning was stored before the cut, and is not among these rows.
          broken += 1
        }
      }
      after = end.id
    }
    if broken == 0 { try await Blocking.run("spool") { try file.markDrained() }.get() }
    guard passed + old + broken > 0 else { return }
    logger.log(
      level: old + broken > 0 ? .error : .notice,
      "webhook parts that only this replica had",
      metadata: [
        "passed_on": "\(passed)", "too_old": "\(old)", "not_whole": "\(broken)",
        "file": "\(file.name)",
      ])
  }
}
