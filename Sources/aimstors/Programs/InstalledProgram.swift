import GraphSimulator
import Storage

/// The program that was installed here: this one, or the one that became this one.
struct InstalledProgram: Hashable {
  /// Set for what was launched: version, format level and place of what was installed.
  static let variable = "AIMSTORS_INSTALLED"

  let version: String
  let readsLevel: UInt32
  /// Nil: not known.
  let path: String?

  /// This program.
  static var own: InstalledProgram {
    InstalledProgram(
      version: Build.version, readsLevel: FormatLevel.newest,
      path: try? LocalSystem.executable())
  }

  init(version: String, readsLevel: UInt32, path: String?) {
    self.version = version
    self.readsLevel = readsLevel
    self.path = path
  }

  /// What was installed when this process began.
  init(_ environment: Environment) {
    let words =
      environment[Self.variable]?.split(separator: " ", maxSplits: 2).map(String.init) ?? []
    guard words.count >= 2, let level = UInt32(words[1]) else {
      self = .own
      return
    }
    self.init(version: words[0], readsLevel: level, path: words.count == 3 ? words[2] : nil)
  }

  var text: String { "\(version) \(readsLevel)" + (path.map { " \($0)" } ?? "") }

  /// Whether the next start would find this version there still: it may have been replaced since.
  func stands(scratch: String) -> Bool {
    guard let path, let about = try? Releases.ask(path, scratch: scratch) else { return false }
    return about.version == version && about.readsLevel == readsLevel
  }
}
