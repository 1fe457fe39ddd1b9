import ArgumentParser
import Messaging
import Platform

/// `aimstors certificate`: the deployment's authority and what it issues.
struct CertificateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "certificate",
    abstract: "Make the deployment's certificate authority and the certificates of its processes.",
    discussion: """
      Processes on different hosts talk over TLS, and both sides show a certificate of the
      deployment's own authority. A process reads a renewed file by itself, without a restart.
      """,
    subcommands: [Authority.self, Issue.self, Show.self, Renew.self])

  struct Authority: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ca", abstract: "Make the deployment's certificate authority.")

    @Option(help: "Where ca.pem and ca.key go.") var directory: String
    @Option(help: "The authority's name.") var name = "aimstors"
    @Option(help: "How long it holds.") var days = 3_650
    @OptionGroup var format: CertificateFormat

    func run() throws {
      let directory = CertificateDirectory(path: directory)
      let made = try directory.createAuthority(name: name, days: days, clock: LiveWallClock())
      format.show(made, file: directory.authorityFile)
    }
  }

  struct Issue: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Issue a certificate for one process.")

    @Argument(help: "The process, e.g. cell-1.") var name: String
    @Option(help: "The authority's directory.") var directory: String
    @Option(help: "A name or address under which others dial it; may be repeated.")
    var host: [String] = []
    @Option(help: "How long it holds.") var days = 90
    @Option(help: "The file for certificate and key; <directory>/<name>.pem unless given.")
    var out: String?
    @OptionGroup var format: CertificateFormat

    func run() throws {
      let directory = CertificateDirectory(path: directory)
      let file = out ?? "\(directory.path)/\(name).pem"
      let request = try CertificateRequest(name: name, hosts: host, days: days)
      format.show(
        try directory.issue(request, to: file, clock: LiveWallClock()), file: file)
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what a certificate says.")

    @Argument(help: "A PEM file.") var file: String
    @OptionGroup var format: CertificateFormat

    func run() throws {
      format.show(try Certificate(pem: try CertificateDirectory.read(file)), file: file)
    }
  }

  struct Renew: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Replace a certificate by a new one with the same names and a new key.")

    @Argument(help: "The file of certificate and key.") var file: String
    @Option(help: "The authority's directory.") var directory: String
    @Option(help: "How long it holds.") var days = 90
    @OptionGroup var format: CertificateFormat

    func run() throws {
      let directory = CertificateDirectory(path: directory)
      format.show(try directory.renew(file, days: days, clock: LiveWallClock()), file: file)
    }
  }
}
