#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension LocalSystem {
  /// A path from the root, so that children may start anywhere.
  static func absolute(_ path: String) throws(CommandFailure) -> String {
    guard !path.hasPrefix("/") else { return path }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    guard getcwd(&buffer, buffer.count) != nil else {
      throw CommandFailure(.refused, code: "file_error", detail: "no working directory")
    }
    let current = String(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let rest = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
    return rest == "." || rest.isEmpty ? current : "\(current)/\(rest)"
  }

  /// This program's own file.
  static func executable() throws(CommandFailure) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    guard count > 0 else {
      throw CommandFailure(.refused, code: "file_error", detail: "cannot find this program")
    }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
