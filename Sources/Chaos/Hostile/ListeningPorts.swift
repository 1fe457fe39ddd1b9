import Foundation

/// The TCP ports on which a process listens, as the kernel says.
enum ListeningPorts {
  private static let listening = "0A"

  static func of(_ pid: Int32) -> [UInt16] {
    var inodes: Set<String> = []
    let descriptors = "/proc/\(pid)/fd"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: descriptors)) ?? [] {
      let target = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "\(descriptors)/\(name)")
      if let target, target.hasPrefix("socket:[") {
        inodes.insert(String(target.dropFirst(8).dropLast()))
      }
    }
    var ports: Set<UInt16> = []
    for table in ["/proc/\(pid)/net/tcp", "/proc/\(pid)/net/tcp6"] {
      let text = (try? String(contentsOfFile: table, encoding: .utf8)) ?? ""
      for line in text.split(separator: "\n").dropFirst() {
        let words = line.split(separator: " ")
        guard words.count > 9, words[3] == listening, inodes.contains(String(words[9])),
          let port = words[1].split(separator: ":").last.flatMap({ UInt16($0, radix: 16) })
        else { continue }
        ports.insert(port)
      }
    }
    return ports.sorted()
  }
}
