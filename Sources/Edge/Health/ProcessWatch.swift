import Messaging
import Platform
import Synchronization
import Wire

/// What a process sees of the machine under it: room on its disk, and how long its certificate
/// holds.
///
/// Looked at whenever somebody asks; the certificate's file is read again every few seconds.
public final class ProcessWatch: Sendable {
  /// How long what was read of a certificate is believed, in milliseconds.
  static let certificateMilliseconds: Int64 = 2_000

  private struct State {
    var certificates: [WatchRule.Holding] = []
    var readAt: Int64?
    /// Since when each problem has been seen.
    var since: [String: Timestamp] = [:]
  }

  private let files: any FileSystem
  private let directory: String
  private let tls: TLSFiles?
  private let clock: any WallClock
  private let state = Mutex(State())

  /// `directory` lies on the disk that is watched; `tls`: nil where nothing is encrypted.
  public init(
    files: any FileSystem, directory: String, tls: TLSFiles?, clock: any WallClock
  ) {
    self.files = files
    self.directory = directory
    self.tls = tls
    self.clock = clock
  }

  /// What an operator should look at.
  public func problems() -> [HealthReport.Problem] {
    let now = Timestamp(milliseconds: clock.milliseconds())
    var found = certificates(at: now).compactMap { WatchRule.problem(of: $0, at: now) }
    let (free, total) = disk
    if let problem = WatchRule.problem(free: free, total: total) { found.append(problem) }
    let since = state.withLock { state -> [String: Timestamp] in
      let before = state.since
      state.since = [:]
      for problem in found { state.since[problem.code] = before[problem.code] ?? now }
      return state.since
    }
    return found.map {
      HealthReport.Problem(
        code: $0.code, since: since[$0.code] ?? now, runbook: Runbook.page($0.page),
        detail: $0.detail)
    }
  }

  public func metrics() -> [MetricFamily] {
    let (free, total) = disk
    let held = certificates(at: Timestamp(milliseconds: clock.milliseconds()))
    let disk: [MetricFamily] = [
      .gauge("aimstors_disk_free_bytes", "Free on the data's disk.", Int64(clamping: free)),
      .gauge(
        "aimstors_disk_size_bytes", "Size of the data's disk; 0: unknown.",
        Int64(clamping: total)),
    ]
    guard !held.isEmpty else { return disk }
    return disk + [
      MetricFamily(
        "aimstors_certificate_expiry_seconds",
        "When the certificate ends to hold, in seconds since 1970.", .gauge,
        held.map {
          .init(labels: [("certificate", $0.kind.rawValue)], value: .integer($0.validUntil))
        })
    ]
  }

  private var disk: (free: UInt64, total: UInt64) {
    ((try? files.freeBytes(directory)) ?? 0, (try? files.totalBytes(directory)) ?? 0)
  }

  private func certificates(at now: Timestamp) -> [WatchRule.Holding] {
    guard let tls else { return [] }
    return state.withLock { state in
      if let readAt = state.readAt,
        (0..<Self.certificateMilliseconds).contains(now.milliseconds - readAt)
      {
        return state.certificates
      }
      state.readAt = now.milliseconds
      state.certificates = [
        (WatchRule.Kind.process, tls.certificateAndKey), (.authority, tls.authority),
      ].compactMap { kind, file in
        // A file that cannot be read is said by whoever has to use it.
        guard let pem = try? CertificateDirectory.read(file),
          let certificate = try? Certificate(pem: pem)
        else { return nil }
        return WatchRule.Holding(
          kind: kind, name: certificate.name, validUntil: certificate.validUntil)
      }
      return state.certificates
    }
  }
}
