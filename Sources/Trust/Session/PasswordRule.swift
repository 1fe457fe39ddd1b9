import Cryptography
import Wire

/// What may be a password: long enough, not one that everybody tries first.
///
/// No rules about kinds of characters: they make passwords worse.
public enum PasswordRule {
  public static let minimumCharacters = 10

  /// Throws `invalid_field`, in words for the person.
  public static func check(_ password: String, email: String) throws(Failure) {
    guard password.count >= minimumCharacters else {
      throw Failure(
        .invalidField, "password must have at least \(minimumCharacters) characters")
    }
    guard password.utf8.count <= PasswordHash.maximumBytes, !password.utf8.contains(0) else {
      throw Failure(
        .invalidField, "password must have at most \(PasswordHash.maximumBytes) bytes")
    }
    let plain = core(password)
    let isName = email.split(separator: "@").first.map { core(String($0)) == plain } ?? false
    guard !common.contains(plain), !isName, Set(plain).count > 3, !isRun(password) else {
      throw Failure(.invalidField, "password is one of those that are tried first; take another")
    }
  }

  /// Without case and without the digits and marks that people put around a word.
  private static func core(_ text: String) -> String {
    let small = Array(text.lowercased())
    let trimmed = small.drop { !$0.isLetter }.reversed().drop { !$0.isLetter }.reversed()
    return String((trimmed.isEmpty ? small : Array(trimmed)).map { substitutes[$0] ?? $0 })
  }

  /// `1234567890` and `abcdefghijk`: each character follows the one before, up or down.
  private static func isRun(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    let steps = zip(bytes.dropFirst(), bytes).map { Int($0) - Int($1) }
    // From 9 to 0 the row of keys goes on.
    return steps.allSatisfy { $0 == 1 || $0 == -9 } || steps.allSatisfy { $0 == -1 || $0 == 9 }
  }

  private static let substitutes: [Character: Character] = [
    "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i",
  ]

  /// The hearts of the commonest passwords of public breach statistics.
  private static let common: Set<String> = Set(
    """
    password passwort passwords motdepasse contrasena senha parola wachtwoord qwerty qwertz azerty
    qwertyuiop qwertyuio asdfghjkl asdfgh zxcvbnm zxcvbn letmein welcome willkommen bienvenue admin
    administrator administrador root user login master secret secrets geheim changeme default guest
    test testing iloveyou ichliebedich tequiero princess prinzessin dragon monkey shadow sunshine
    football baseball basketball superman batman spiderman pokemon starwars trustno trustnoi
    michael jessica charlie jordan hunter freedom whatever computer internet samsung google facebook
    whatsapp instagram linkedin minecraft liverpool chelsea arsenal barcelona realmadrid juventus
    summer winter spring autumn sommer monday friday january december hello hallo helloworld
    passwordpassword qwertyqwerty abcabcabc abcdefghij abcdefgh abcdef aaaaaaaaaa letmeinnow
    iloveyouforever loveyou lovelove mylove family forever flower butterfly cookie chocolate
    pass passpass adminadmin rootroot company business marketing aimstors
    """.split { $0 == " " || $0 == "\n" }.map { word in
      String(word.map { substitutes[$0] ?? $0 })
    })
}
