"""Character classes as BERT's tokenisers have them, as regular expressions (RE2)."""


def characters(ranges: str) -> str:
    """Writes code points such as "9-A D" for use within the brackets of a regular expression."""
    points = (span.split("-") for span in ranges.split())
    return "".join("-".join(rf"\x{{{point}}}" for point in span) for span in points)


# Character classes as Hugging Face's `tokenizers` has them: those of Unicode 8.0. TensorFlow's are
# newer, so the characters that changed class since then are taken out ([^\P{...}] minus them) or
# put back in.
CONTROL = rf"[^\P{{C}}{characters('9-A D 890-8E2 110CD-1343F 100000-100004')}]|\x{{FFFD}}"
_NEWER_MARKS = (
    "7FD 898-8E1 9FE AFA-AFF B55 C04-C3C D00 D3B-D3C D81 EBA ECE 180F-1886 1ABF-1ACE 1DF6-1DFB "
    "A82C A8C5 A8FF A9BD 10D24-10F85 11070-11074 110C2 111C9 111CF 1123E-11241 1133B 11438-1145E "
    "1182F-13455 16F4F 16FE4 1CF00-1CF46 1E000-1E4EF 1E944-1E94A"
)
MARK = rf"[^\P{{Mn}}{characters(_NEWER_MARKS)}]|\x{{1734}}"
_NEWER_PUNCTUATION = (
    "61D 9FD-A76 C77-C84 1B7D-1B7E 2E43-2E5D 10EAD-10F89 1144B-1145D 11660-116B9 1183B-11FFF "
    "12FF1-12FF2 16E97-16FE2 1E95E-1E95F"
)
PUNCTUATION = rf"[^\P{{P}}{characters(_NEWER_PUNCTUATION)}]|[$+<=>^`|~\x{{166D}}\x{{111C9}}]"
_CJK = "3400-4DBF 4E00-9FFF F900-FAFF 20000-2A6DF 2A700-2B81F 2B920-2CEAF 2F800-2FA1F"
CHINESE = rf"[{characters(_CJK)}]"
WIDE_SPACE = r"[^\P{Z} ]|\x{85}"

# Those of its StripAccents and Whitespace, up to characters that Unicode has had since.
ANY_MARK = r"\p{M}"
_OTHER_ALPHABETIC = "200C-200D 24B6-24E9 1F130-1F149 1F150-1F169 1F170-1F189"
WORD = rf"[\p{{L}}\p{{M}}\p{{Nd}}\p{{Nl}}\p{{Pc}}{characters(_OTHER_ALPHABETIC)}]+"
