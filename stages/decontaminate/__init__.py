"""Decontamination: which documents have the questions of a benchmark in them.

A model that has read a test in training is measured on its memory. The questions of benchmarks are on the
web, in quizzes, forums and papers, and in files of repositories; copied with other line breaks and marks, and
with small changes. This primer says what counts as a copy, and why.

**What others count.** All start from *n-grams*, n tokens in a row, which rarely are the same by chance.

- GPT-3 (Brown et al. 2020, appendix C): one 13-gram in common (8 to 13, by benchmark), if it is in no more
  than ten documents. datatrove likewise: one 12-gram. One common phrase is enough for them.
- PaLM (Chowdhery et al. 2022): 70 % of the 8-grams of a question. A share is safer than a single one, but a
  changed word takes n of them away.
- Llama 2 (Touvron et al. 2023), Llama 3 (2024) and Tülu 3 (Lambert et al. 2024): the share of *tokens* that
  are in a common n-gram; Llama 2 of 10, of which four may differ, the others of 8. Tülu 3 takes 50 %.
- OLMo's decon (2025) grows from a common n-gram to both sides, over gaps, and weighs the n-grams found by how
  rare they are among all questions.
- Singh et al. (2024) compared such measures by how much better models are at what these call contaminated:
  the longest match says more than the sum of all, and n above 8 misses too much.

**What is counted here** takes the best of each: tokens, not n-grams; in one place, not all over a document;
across small edits; and from n = 8.

1. *Tokens* (``words``): what stays the same when text is formatted in another way. Numbers are kept.
2. *Seeds*. An n-gram in common is where a comparison starts (as in BLAST). What more than ten items have in
   common is a template ("which of the following is the best explanation for") and no seed; tokens that are
   in such n-grams only are not counted at all. Equal items are one.
3. *Growth*. From the seed on, item and document are gone along to both sides while they are the same; up to
   eight tokens that differ, are missing or were put in are passed over to where two in a row are the same
   again. So all that is counted lies together and in order. Phrases all over a long page do not add up.
4. *Overlap*: the share of the item's tokens that one such run has, or the share of its numbers if that is
   less. For a word problem with other numbers is another problem, whose answer does not help, while a word
   changed is a copy, and n-grams alone cannot tell these two apart. Of all items the largest overlap counts.

A document is contaminated from an overlap of 0.8 on. Share of documents dropped, of those made from 418
questions in ``benchmarks/decontamination.py``:

                                     overlap   8-grams      13-grams     one 12-gram
                                     >= 0.8    >= 50 %      >= 50 %      (datatrove)
    copy, one word changed           100 %     99.8 %       83.5 %       100 %
    copy, three words changed         98.3     51.0         11.5          93.8
    other problem: all numbers new     0       43.0         23.9         100
    other problem: same template       1.5      1.0          0            98

With n = 13 in place of 8 it finds 87 % of the copies with three words changed.

**What cannot be told.** An item of fewer than ``shortest`` words (8; of scripts without blanks two letters
count as a word) is on pages that never saw a benchmark: "What is the capital of France?" It is not looked
for, nor is one that has nothing but n-grams of templates; both are counted, and the run says so. A paraphrase
or a translation is not found. Of one number changed among five or more, the others decide.

**What it costs.** A document is tokenized, each n-gram hashed (rolling, 64 bits) and looked up in a bitmap of
16 or more bits for each n-gram of the index, which stops nearly all. Only where one is found tokens are
compared. Wrong hits do no harm, for a comparison starts again with the tokens themselves; of those, also 64
bits, a million different ones in the benchmarks and a billion in the corpus make one false pair with a
probability of 10^15 / 2^64 = 0.005 %, and it would be one token.

Knows nothing itself; the modules say what they know.
"""
