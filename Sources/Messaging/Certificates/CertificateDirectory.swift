import Platform

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The files of an authority and of the certificates it issues.
///
/// `<directory>/ca.pem` (give it to every process), `<directory>/ca.key` (keep it), and one file
/// per process with its certificate and its key. Keys are readable by their owner only; a file is
/// replaced whole, so that a process that reads it meanwhile gets the old or the new one.
public struct CertificateDirectory: Sendable {
  public let path: String

  public init(path: String) { self.path = path }

  public var authorityFile: String { path + "/ca.pem" }
  public var authorityKeyFile: String { path + "/ca.key" }

  /// Makes the authority; never replaces one.
  public func createAuthority(
    name: String, days: Int, clock: any WallClock
  ) throws(CertificateError) -> Certificate {
    for file in [authorityFile, authorityKeyFile] where access(file, F_OK) == 0 {
      throw .file(path: file, reason: "exists; an authority is never replaced")
    }
    if mkdir(path, 0o700) != 0, errno != EEXIST { throw Self.systemError(path) }
    let authority = try CertificateAuthority.make(name: name, days: days, clock: clock)
    try Self.write(try authority.keyPEM(), to: authorityKeyFile, mode: 0o600)
    try Self.write(try authority.certificate.pem(), to: authorityFile, mode: 0o644)
    return authority.certificate
  }

  public func authority() throws(CertificateError) -> CertificateAuthority {
    try CertificateAuthority(
      certificate: try Self.read(authorityFile), key: try Self.read(authorityKeyFile))
  }

  /// Issues a certificate and writes it with its key to `file`.
  public func issue(
    _ request: CertificateRequest, to file: String, clock: any WallClock
  ) throws(CertificateError) -> Certificate {
    let (certificate, key) = try authority().issue(request, clock: clock)
    try Self.write(try certificate.pem() + key.pem(), to: file, mode: 0o600)
    return certificate
  }

  /// Replaces the certificate in `file` by a new one with the same names and a new key.
  public func renew(
    _ file: String, days: Int, clock: any WallClock
  ) throws(CertificateError) -> Certificate {
    let old = try Certificate(pem: try Self.read(file))
    guard old.isIssued(by: try authority().certificate) else {
      throw .file(path: file, reason: "was not issued by the authority in \(path)")
    }
    return try issue(
      try CertificateRequest(name: old.name, hosts: old.hosts, days: days), to: file, clock: clock)
  }

  // MARK: Files

  /// Largest file that is taken for PEM text.
  private static let longestFile = 1 << 20

  public static func read(_ file: String) throws(CertificateError) -> String {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemError(file) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      guard count >= 0 else { throw systemError(file) }
      if count == 0 { break }
      bytes += chunk[..<count]
      guard bytes.count <= longestFile else { throw .file(path: file, reason: "too large") }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func write(
    _ text: String, to file: String, mode: mode_t
  ) throws(CertificateError) {
    let draft = file + ".new"
    unlink(draft)
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw systemError(draft) }
    defer { close(descriptor) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { throw systemError(draft) }
      rest = rest.dropFirst(count)
    }
    guard fsync(descriptor) == 0 else { throw systemError(draft) }
    guard rename(draft, file) == 0 else { throw systemError(file) }
  }

  private static func systemError(_ path: String) -> CertificateError {
    .file(path: path, reason: String(cString: strerror(errno)))
  }
}
