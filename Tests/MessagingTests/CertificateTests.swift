import Glibc
import Messaging
import Simulation
import Testing

@Suite("Certificates") struct CertificateTests {
  private let clock = SimulatedWallClock()

  @Test func `an authority issues what names the process, its hosts and its days`() throws {
    let authority = try CertificateAuthority.make(name: "test-ca", days: 3_650, clock: clock)
    let request = try CertificateRequest(
      name: "cell-1", hosts: ["cell-1.example", "10.0.0.5", "::1"], days: 90)
    let (certificate, key) = try authority.issue(request, clock: clock)
    #expect(certificate.name == "cell-1")
    #expect(certificate.issuer == "test-ca")
    #expect(certificate.hosts == ["cell-1", "cell-1.example", "10.0.0.5", "::1"])
    let now = clock.milliseconds() / 1_000
    #expect(certificate.validFrom == now - 300)
    #expect(certificate.validUntil == now + 90 * 86_400)
    #expect(!certificate.isAuthority)
    #expect(authority.certificate.isAuthority)
    #expect(certificate.isIssued(by: authority.certificate))
    #expect(certificate.fingerprint.count == 64)
    #expect(try key.pem().contains("BEGIN PRIVATE KEY"))
  }

  @Test func `only its own authority has issued it`() throws {
    let one = try CertificateAuthority.make(name: "same-name", days: 10, clock: clock)
    let other = try CertificateAuthority.make(name: "same-name", days: 10, clock: clock)
    let request = try CertificateRequest(name: "cell-1", hosts: [], days: 1)
    let certificate = try one.issue(request, clock: clock).certificate
    #expect(certificate.isIssued(by: one.certificate))
    #expect(!certificate.isIssued(by: other.certificate))
  }

  @Test(arguments: ["", "a b", "a,DNS:evil", "ä", "a\n", "x=y", String(repeating: "a", count: 65)])
  func `names that could end an entry are refused`(name: String) {
    #expect(throws: CertificateError.self) {
      try CertificateRequest(name: name, hosts: [], days: 1)
    }
    #expect(throws: CertificateError.self) {
      try CertificateRequest(name: "cell-1", hosts: [name], days: 1)
    }
  }

  @Test(arguments: [0, -1, 826]) func `days are bounded`(days: Int) {
    #expect(throws: CertificateError.self) {
      try CertificateRequest(name: "cell-1", hosts: [], days: days)
    }
  }

  @Test func `text that is no certificate, or another's key, is refused`() throws {
    #expect(throws: CertificateError.self) { try Certificate(pem: "") }
    #expect(throws: CertificateError.self) { try Certificate(pem: "-----BEGIN CERTIFICATE-----") }
    let one = try CertificateAuthority.make(name: "one", days: 10, clock: clock)
    let other = try CertificateAuthority.make(name: "other", days: 10, clock: clock)
    #expect(throws: CertificateError.self) {
      try CertificateAuthority(
        certificate: try one.certificate.pem(), key: try other.keyPEM())
    }
    // A process's certificate is no authority, even with its own key.
    let issued = try one.issue(
      try CertificateRequest(name: "cell-1", hosts: [], days: 1), clock: clock)
    #expect(throws: CertificateError.self) {
      try CertificateAuthority(
        certificate: try issued.certificate.pem(), key: try issued.key.pem())
    }
  }

  @Test func `files: an authority is never replaced, a renewal keeps names and changes the key`()
    throws
  {
    var template = Array("/tmp/aimstors-certificates-XXXXXX".utf8CString)
    let path = try #require(mkdtemp(&template).map { String(cString: $0) })
    let directory = CertificateDirectory(path: path)
    let file = "\(path)/cell-1.pem"
    defer {
      for name in [directory.authorityFile, directory.authorityKeyFile, file] { unlink(name) }
      rmdir(path)
    }
    _ = try directory.createAuthority(name: "test", days: 100, clock: clock)
    #expect(throws: CertificateError.self) {
      try directory.createAuthority(name: "test", days: 100, clock: clock)
    }
    let request = try CertificateRequest(name: "cell-1", hosts: ["10.0.0.5"], days: 5)
    let first = try directory.issue(request, to: file, clock: clock)
    let firstText = try CertificateDirectory.read(file)
    clock.advance(milliseconds: 4 * 86_400_000)
    let second = try directory.renew(file, days: 7, clock: clock)
    #expect(second.hosts == first.hosts)
    #expect(second.validUntil - first.validUntil == 6 * 86_400)
    #expect(try CertificateDirectory.read(file) != firstText)
    #expect(try PrivateKey(pem: firstText).pem() != PrivateKey(pem: readAgain(file)).pem())
    for (name, mode) in [(file, 0o600), (directory.authorityKeyFile, 0o600)] {
      var status = stat()
      #expect(stat(name, &status) == 0)
      #expect(Int(status.st_mode) & 0o777 == mode)
    }
  }

  private func readAgain(_ file: String) throws -> String { try CertificateDirectory.read(file) }
}
