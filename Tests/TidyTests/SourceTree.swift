import Foundation

/// One file of the repository.
struct SourceFile: Hashable, Sendable, CustomStringConvertible {
  /// From the root of the package, such as `Sources/Wire/Failure/Failure.swift`.
  let path: String
  let lines: [String]

  var description: String { path }
  var name: String { path.split(separator: "/").last.map(String.init) ?? path }
  var module: String {
    let parts = path.split(separator: "/")
    return parts.count > 1 ? String(parts[1]) : ""
  }
  /// Lines that are no comment, with their numbers.
  var code: [(number: Int, text: String)] {
    lines.enumerated().filter { !$1.drop { $0 == " " }.hasPrefix("//") }.map { ($0 + 1, $1) }
  }
}

/// The package as its tests see it.
enum SourceTree {
  static let root: URL = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { url.deleteLastPathComponent() }
    return url
  }()

  /// Files below `folder` whose names end in `.` and `ending`.
  static func files(_ folder: String, _ ending: String) throws -> [SourceFile] {
    let base = root.appendingPathComponent(folder)
    guard let walk = FileManager.default.enumerator(atPath: base.path) else { return [] }
    var files: [SourceFile] = []
    for case let relative as String in walk where relative.hasSuffix("." + ending) {
      let parts = relative.split(separator: "/")
      if parts.contains(where: { $0.hasPrefix(".") && $0 != ".ci" || $0 == "data" }) { continue }
      let url = base.appendingPathComponent(relative)
      let text = try String(contentsOf: url, encoding: .utf8)
      let path = folder.isEmpty ? relative : "\(folder)/\(relative)"
      files.append(SourceFile(path: path, lines: text.components(separatedBy: "\n")))
    }
    return files.sorted { $0.path < $1.path }
  }
}
