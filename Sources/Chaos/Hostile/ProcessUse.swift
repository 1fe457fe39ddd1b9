import Foundation

/// What a process has taken of the machine, as the kernel says.
struct ProcessUse: Sendable {
  /// The most memory that it ever had, in KiB; 0 where the process is gone.
  let peakKiB: Int
  /// Open files and sockets.
  let descriptors: Int

  init(_ pid: Int32) {
    let text = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    peakKiB = Self.peakKiB(in: text)
    let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")
    descriptors = names?.count ?? 0
  }

  static func peakKiB(in status: String) -> Int {
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
      .flatMap { Int($0) } ?? 0
  }
}
