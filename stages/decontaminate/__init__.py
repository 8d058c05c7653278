"""Decontamination: finds documents that contain questions of a benchmark.

If a model has read a test in training, the test measures its memory. The questions of benchmarks are on the
web, in quizzes, forums and papers, and in files of repositories; they are copied with other line breaks and
marks, and with small changes. This primer says what counts as a copy, and why.

**What others count.** All methods start from *n-grams*, n consecutive tokens, which are rarely equal by
chance.

- GPT-3 (Brown et al. 2020, appendix C): one 13-gram in common (8 to 13, by benchmark), if it is in no more
  than ten documents. datatrove similarly: one 12-gram. A single common phrase is enough for them.
- PaLM (Chowdhery et al. 2022): 70 % of the 8-grams of a question. A share is safer than a single n-gram, but
  a changed word removes n of them.
- Llama 2 (Touvron et al. 2023), Llama 3 (2024) and Tülu 3 (Lambert et al. 2024): the share of *tokens* that
  are in a common n-gram; Llama 2 uses n = 10, where four tokens may differ, the others n = 8. Tülu 3 uses a
  threshold of 50 %.
- OLMo's decon (2025) extends a common n-gram to both sides, over gaps, and weights the n-grams found by how
  rare they are among all questions.
- Singh et al. (2024) compared such measures by how much better models do on the questions that a measure
  calls contaminated: the longest match is more informative than the sum of all, and n above 8 misses too
  much.

**What is counted here** combines the best of these: tokens, not n-grams; in one place, not all over a
document; across small edits; with n = 8.

1. *Tokens* (``words``): units that do not change when text is formatted differently. Numbers are kept.
2. *Seeds*. A comparison starts at a common n-gram (as in BLAST). An n-gram that more than ten items share is
   a template ("which of the following is the best explanation for") and not a seed; tokens that are only in
   such n-grams are not counted at all. Equal items count as one.
3. *Growth*. From the seed, item and document are compared in both directions as long as they are equal; up to
   eight tokens that differ, are missing or were inserted are skipped if the next two tokens are equal again.
   So all counted tokens lie together and in order. Phrases scattered over a long page do not add up.
4. *Overlap*: the share of the item's tokens in one such run, or the share of its numbers if that is less. For
   a word problem with other numbers is another problem, whose answer does not help, while one with a changed
   word is a copy, and n-grams alone cannot distinguish the two. The largest overlap of all items counts.

A document with an overlap of 0.8 or more is contaminated. The table gives the share of documents dropped,
among those made from 418 questions in ``benchmarks/decontamination.py``:

                                     overlap   8-grams      13-grams     one 12-gram
                                     >= 0.8    >= 50 %      >= 50 %      (datatrove)
    copy, one word changed           100 %     99.8 %       83.5 %       100 %
    copy, three words changed         98.3     51.0         11.5          93.8
    other problem: all numbers new     0       43.0         23.9         100
    other problem: same template       1.5      1.0          0            98

With n = 13 instead of 8 it finds 87 % of the copies with three words changed.

**What cannot be decided.** An item of fewer than ``shortest`` words (8; in scripts without blanks two letters
count as a word) also occurs on pages that have nothing to do with a benchmark: "What is the capital of
France?" It is not searched for, and neither is an item that consists only of n-grams of templates; both are
counted and reported by the run. A paraphrase or a translation is not found. If one number among five or more
is changed, the others decide.

**Cost.** A document is tokenized, and each n-gram is hashed (rolling, 64 bits) and looked up in a bitmap of
16 or more bits for each n-gram of the index, which rules out nearly all. Tokens are compared only where an
n-gram is found. False hits do no harm, because the comparison uses the tokens themselves; these are 64-bit
hashes too, so a million different tokens in the benchmarks and a billion in the corpus give one false pair
with a probability of 10^15 / 2^64 = 0.005 %, and it would affect one token.

This package itself holds no code; each module says what it knows.
"""
