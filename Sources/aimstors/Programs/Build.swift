import ArgumentParser
import GraphSimulator
import Messaging
import Storage

/// What this program says it is.
enum Build {
  /// The version that the sources carry, where no release says otherwise.
  static let sources = "0.2.0"
  /// The file beside a released program that names its version.
  static let versionFile = "VERSION"

  /// The release's version where one stands beside the program, or the sources'.
  static let version: String = {
    guard let own = try? LocalSystem.executable(), let slash = own.lastIndex(of: "/"),
      let bytes = try? PrivateFile.read("\(own[..<slash])/\(versionFile)", atMost: 128)
    else { return sources }
    let text = String(decoding: bytes, as: UTF8.self)
    let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    return ProgramVersion(line)?.text ?? sources
  }()
}

/// A version's name: what releases are called by, and so a part of a path.
struct ProgramVersion: Hashable {
  static let length = 1...64
  let text: String

  /// Nil for anything but letters, digits, `.`, `-`, `+` and `_`, a letter or digit first.
  init?(_ text: String) {
    guard Self.length.contains(text.utf8.count), let first = text.utf8.first,
      Self.isWord(first),
      text.utf8.allSatisfy({ Self.isWord($0) || [0x2E, 0x2D, 0x2B, 0x5F].contains($0) })
    else { return nil }
    self.text = text
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}

/// `aimstors build`: what a version is asked before it is run in another's place.
struct BuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build", abstract: "Say this program's version, and what it reads.")

  @Flag(name: .long) var json = false

  func run() {
    let protocols = ProtocolVersion.supported
    let about: JSON = [
      "version": JSON(Build.version), "reads_level": JSON(Int(FormatLevel.newest)),
      "record_format": JSON(Int(Journal.formatVersion)),
      "protocols": [JSON(Int(protocols.lowerBound)), JSON(Int(protocols.upperBound))],
    ]
    Console.out(
      json
        ? about.serialized()
        : "\(Build.version): reads format level \(FormatLevel.newest), speaks protocol "
          + "\(protocols.lowerBound) to \(protocols.upperBound)")
  }
}
